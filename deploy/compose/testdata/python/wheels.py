"""Makes wheels of packages that Debian has installed, as an index would give them.

    python3 wheels.py FOLDER NAME...

It prints the requirements that they meet. Dependencies are not followed.
"""

import base64
import hashlib
import importlib.metadata
import pathlib
import sys
import zipfile


def modules(root, name):
    """Yields the files of a distribution whose one package has its name."""
    for path in sorted((root / name.lower()).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(root).as_posix(), path.read_bytes()


def wheel(folder, name):
    dist = importlib.metadata.distribution(name)
    root = pathlib.Path(dist.locate_file(""))
    info = f"{name}-{dist.version}.dist-info"
    tag = "py3-none-any"
    files = dict(modules(root, name))
    assert files, f"nothing of {name} in {root}"
    if any(path.endswith(".so") for path in files):
        # the tests run it by the Python that Debian built it for
        tag = "cp{0}{1}-cp{0}{1}-linux_x86_64".format(*sys.version_info)
        files = {path.replace("-x86_64-linux-gnu", ""): text for path, text in files.items()}
    files[info + "/METADATA"] = (dist.read_text("METADATA") or dist.read_text("PKG-INFO")).encode()
    files[info + "/WHEEL"] = f"Wheel-Version: 1.0\nRoot-Is-Purelib: {str(tag.endswith('any')).lower()}\nTag: {tag}\n".encode()
    points = dist.read_text("entry_points.txt")
    if points:
        files[info + "/entry_points.txt"] = points.encode()
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(text).digest()).rstrip(b'=').decode()},{len(text)}\n" for path, text in files.items()
    )
    files[info + "/RECORD"] = (record + info + "/RECORD,,\n").encode()
    with zipfile.ZipFile(folder / f"{name}-{dist.version}-{tag}.whl", "w") as z:
        for path, text in files.items():
            z.writestr(path, text)
    print(f"{name}=={dist.version}")


for each in sys.argv[2:]:
    wheel(pathlib.Path(sys.argv[1]), each)
