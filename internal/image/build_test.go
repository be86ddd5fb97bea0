package image

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/sluice-ci/sluice/internal/hint"
)

// The image depends on the source and the toolchain alone: not on the folder,
// the time, the user's settings, the state of the compiler's cache, git, or
// files that the program is not made of.
func TestBuildIsReproducible(t *testing.T) {
	t.Parallel()
	first := service(t, hello())
	want := buildElsewhere(t, first, 0o022, "TZ=UTC")

	second := service(t, with(hello(), "svc/notes.txt", "not part of the program", "README.md", "nor is this"))
	second.Cache = t.TempDir()
	git(t, second.Root)
	got := buildElsewhere(t, second, 0o077, "TZ=Asia/Kolkata", "HOME="+t.TempDir(), "GOFLAGS=-tags=other -buildvcs=true -ldflags=-s -gcflags=-N",
		"GOAMD64=v3", "GOOS=darwin", "GOEXPERIMENT=nosuch", "CGO_ENABLED=1", "GODEBUG=madvdontneed=1", "LANG=tr_TR.UTF-8")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the second build differs (-first +second):\n%s", diff)
	}

	third := service(t, with(hello(), "svc/greet/hello.txt", "goodbye\n"))
	if other := buildElsewhere(t, third, 0o022); other.Digest == want.Digest {
		t.Error("another program has the same digest")
	}
}

// git makes a folder a repository with a commit and a tag.
func git(t *testing.T, dir string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Log("without git: ", err)
		return
	}
	for _, args := range [][]string{
		{"init", "-q"}, {"add", "."},
		{"-c", "user.name=test", "-c", "user.email=test@example.com", "commit", "-q", "-m", "first"}, {"tag", "v1.0.0"},
	} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", args, err, out)
		}
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	r := service(t, hello())
	var said []string
	r.Progress = func(s string) { said = append(said, s) }
	res, err := Build(t.Context(), r)
	check(t, err)
	if res.Binary != "/app/todo" || res.Module != "example.com/todo" || res.Files != 4 || res.Layers != 2 || !strings.HasPrefix(res.Go, "go1.") {
		t.Errorf("result %+v", res)
	}
	if len(said) < 2 || said[0] != "compiling" || said[len(said)-1] != "writing the image" {
		t.Errorf("progress: %q", said)
	}
	onlyThese(t, filepath.Dir(r.Out), "image")

	im, err := Open(r.Out)
	check(t, err)
	if im.Digest() != res.Digest || im.Size() != res.Size {
		t.Errorf("opened: %s of %d bytes; built: %s of %d", im.Digest(), im.Size(), res.Digest, res.Size)
	}
	labels := map[string]string{"org.opencontainers.image.title": "todo", "org.opencontainers.image.base.name": "scratch"}
	want := Config{
		OS: "linux", Architecture: r.orDefault().Arch, User: "65532:65532", Env: []string{"PATH=/app", "PORT=8000"},
		Entrypoint: []string{"/app/todo"}, WorkingDir: "/", ExposedPorts: []string{"8000/tcp"}, Labels: labels,
	}
	if diff := cmp.Diff(want, im.Config()); diff != "" {
		t.Errorf("Config (-want +got):\n%s", diff)
	}
	var names []string
	check(t, im.Walk(func(e Entry) error {
		names = append(names, e.Mode.String()+" "+itoa(e.UID)+":"+itoa(e.GID)+" "+e.Path)
		return nil
	}))
	wantNames := []string{
		"drwxr-xr-x 0:0 /", "drwxr-xr-x 0:0 /app", "drwxr-xr-x 0:0 /etc", "drwxr-xr-x 0:0 /etc/ssl", "drwxr-xr-x 0:0 /etc/ssl/certs", "dtrwxrwxrwx 0:0 /tmp",
		"-r--r--r-- 0:0 /etc/group", "-r--r--r-- 0:0 /etc/passwd", "-r--r--r-- 0:0 /etc/ssl/certs/ca-certificates.crt", "-r-xr-xr-x 0:0 /app/todo",
	}
	if diff := cmp.Diff(wantNames, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// Others must be able to read what is written: here the library that registries
// and tools use.
func TestBuildIsValid(t *testing.T) {
	t.Parallel()
	r := service(t, hello())
	res, err := Build(t.Context(), r)
	check(t, err)
	index, err := ocilayout.ImageIndexFromPath(r.Out)
	check(t, err)
	check(t, validate.Index(index))
	manifests, err := index.IndexManifest()
	check(t, err)
	if n := len(manifests.Manifests); n != 1 || manifests.Manifests[0].Digest.String() != res.Digest {
		t.Fatalf("the index has %d images: %+v", n, manifests.Manifests)
	}
	im, err := index.Image(manifests.Manifests[0].Digest)
	check(t, err)
	check(t, validate.Image(im))
	m, err := im.Manifest()
	check(t, err)
	if m.Annotations["org.opencontainers.image.title"] != "todo" {
		t.Errorf("annotations %v", m.Annotations)
	}
}

// An image is read back before it counts: its program must be what was compiled.
func TestBuildReadsBack(t *testing.T) {
	t.Parallel()
	r := service(t, hello())
	_, err := Build(t.Context(), r)
	check(t, err)
	other := filepath.Join(t.TempDir(), "other")
	check(t, os.WriteFile(other, []byte("another program"), 0o600))
	if _, err := r.inspect(r.Out, other); err == nil || !strings.Contains(err.Error(), "/app/todo is not what was compiled") {
		t.Errorf("another program: %v", err)
	}
	r.Name = "else"
	if _, err := r.inspect(r.Out, other); err == nil || !strings.Contains(err.Error(), "there is no /app/else") {
		t.Errorf("no program: %v", err)
	}
}

const probe = `package main

import (
	"crypto/x509"
	"fmt"
	"os"
	"os/user"
	"time"
)

func main() {
	pool, err := x509.SystemCertPool()
	if err != nil || pool.Equal(x509.NewCertPool()) {
		fmt.Println("no authorities:", err)
		os.Exit(1)
	}
	place, err := time.LoadLocation("Europe/London")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	who, err := user.Current()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(os.Getuid(), os.Getgid(), who.Username, place, os.Getenv("PORT"), os.WriteFile("/tmp/x", nil, 0o600), os.WriteFile("/app/x", nil, 0o600) != nil)
}
`

// The program finds all that it needs in the image and nowhere else.
func TestBuiltImageRuns(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can change the root folder")
	}
	r := service(t, with(hello(), "svc/cmd/todo/main.go", probe))
	_, err := Build(t.Context(), r)
	check(t, err)
	im, err := Open(r.Out)
	check(t, err)
	root := filepath.Join(t.TempDir(), "root")
	check(t, im.Unpack(root))
	check(t, os.Chmod(filepath.Join(root, "tmp"), os.ModeSticky|0o777)) // what a runtime mounts there
	cmd := exec.CommandContext(t.Context(), im.Config().Entrypoint[0])
	cmd.Env, cmd.Dir = im.Config().Env, im.Config().WorkingDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	out, err := cmd.CombinedOutput()
	if want := "65532 65532 nonroot Europe/London 8000 <nil> true\n"; err != nil || string(out) != want {
		t.Errorf("%v: %q, want %q", err, out, want)
	}
}

func TestAuthorities(t *testing.T) {
	t.Parallel()
	var want, got [][]byte
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			want = append(want, root.Certificate)
		}
	}
	for rest := []byte(authorities()); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Error(err)
		}
		got = append(got, block.Bytes)
	}
	slices.SortFunc(want, slices.Compare)
	slices.SortFunc(got, slices.Compare)
	if diff := cmp.Diff(want, got); diff != "" || len(got) < 50 {
		t.Errorf("%d authorities, want %d", len(got), len(want))
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		files  map[string]string
		change func(*Recipe)
		want   string
	}{
		{"no name", hello(), func(r *Recipe) { r.Name = "" }, "cannot be the name"},
		{"a name that is a path", hello(), func(r *Recipe) { r.Name = "../etc/passwd" }, "cannot be the name"},
		{"a command outside", hello(), func(r *Recipe) { r.Main = "../other" }, "is not in the service's folder"},
		{"another architecture", hello(), func(r *Recipe) { r.Arch = "mips" }, "no image can be built for mips"},
		{"no such folder", hello(), func(r *Recipe) { r.Main = "cmd/none" }, "directory not found"},
		{"a folder without Go", with(hello(), "svc/docs/x.md", ""), func(r *Recipe) { r.Main = "docs" }, "no Go files in"},
		{"no command", hello(), func(r *Recipe) { r.Main = "greet" }, "no program for Linux"},
		{"a module that was not downloaded", with(hello(),
			"svc/go.mod", "module example.com/todo\n\ngo 1.24\n\nrequire example.com/gone v1.0.0\n",
			"svc/go.sum", "example.com/gone v1.0.0 h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nexample.com/gone v1.0.0/go.mod h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n",
			"svc/greet/greet.go", "package greet\n\nimport \"example.com/gone\"\n\nfunc Hello() string { return gone.Hello }\n"), nil, "module lookup disabled"},
		{"a newer Go", with(hello(), "svc/go.mod", "module example.com/todo\n\ngo 1.999\n"), nil, "requires go >= 1.999"},
		{"a folder of another's", hello(), func(r *Recipe) {
			r.Out = filepath.Join(r.Root, "svc")
		}, "would have to be replaced"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := service(t, tt.files)
			if tt.change != nil {
				tt.change(&r)
			}
			before := treeOf(t, filepath.Dir(r.Out))
			_, err := Build(t.Context(), r)
			var broken *CompileError
			if err == nil || errors.As(err, &broken) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Build: %v, want an error with %q that is not about the code", err, tt.want)
			}
			if hint.Remedy(err) == "" {
				t.Errorf("no remedy for %v", err)
			}
			if diff := cmp.Diff(before, treeOf(t, filepath.Dir(r.Out))); diff != "" {
				t.Errorf("it left something behind:\n%s", diff)
			}
		})
	}
}

func TestBuildReplacesLayout(t *testing.T) {
	t.Parallel()
	r := service(t, hello())
	first, err := Build(t.Context(), r)
	check(t, err)

	source := filepath.Join(r.Dir, "greet", "hello.txt")
	check(t, os.Remove(source))
	var broken *CompileError
	if _, err := Build(t.Context(), r); !errors.As(err, &broken) {
		t.Errorf("without an embedded file: %v", err)
	}
	im, err := Open(r.Out)
	check(t, err)
	if im.Digest() != first.Digest {
		t.Error("a build that failed changed what was there")
	}

	check(t, os.WriteFile(source, []byte("goodbye\n"), 0o600))
	second, err := Build(t.Context(), r)
	check(t, err)
	im, err = Open(r.Out)
	check(t, err)
	if second.Digest == first.Digest || im.Digest() != second.Digest {
		t.Errorf("first %s, second %s, there is %s", first.Digest, second.Digest, im.Digest())
	}
	onlyThese(t, filepath.Dir(r.Out), "image")
}

func TestBuildIsCancelled(t *testing.T) {
	t.Parallel()
	r := service(t, hello())
	r.Cache = t.TempDir() // so that there is much to compile
	ctx, cancel := context.WithCancel(t.Context())
	r.Progress = func(s string) {
		if s != "compiling" { // it is about to compile a package
			cancel()
		}
	}
	if _, err := Build(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("Build: %v", err)
	}
	onlyThese(t, filepath.Dir(r.Out))
}
