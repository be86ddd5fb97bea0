package tool

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxProgram bounds the program in PATH that is hashed, bytes.
const maxProgram = 64 << 20

// programs are those of a name in PATH. Folders that are not absolute are passed
// over: what they name depends on where Sluice was started.
func (b Box) programs(name string) (paths []string) {
	for _, dir := range filepath.SplitList(b.Path) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); !filepath.IsAbs(dir) || err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
			continue
		}
		if !b.within(path) {
			paths = append(paths, path)
		}
	}
	return paths
}

// onPath looks for a tool in PATH.
func (b Box) onPath(e Entry) (Found, bool) {
	for _, path := range b.programs(e.Name) {
		f := Found{Name: e.Name, Path: path, Env: e.With}
		describe := f.describe
		if e.Kind == Program {
			describe = f.describeProgram
		}
		if describe() == nil {
			return f, true
		}
	}
	return Found{}, false
}

// within tells whether a file is really in the repository. One of which that cannot
// be told is taken to be.
func (b Box) within(path string) bool {
	if b.Repository == "" {
		return false
	}
	top, err := filepath.EvalSymlinks(b.Repository)
	if err != nil {
		return true
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return true
	}
	rel, err := filepath.Rel(top, real)
	return err != nil || filepath.IsLocal(rel)
}

// describeProgram fills in what there is to say of a program that is one file. It may
// be large, and so its digest is of its size and when it was changed.
func (f *Found) describeProgram() error {
	real, err := filepath.EvalSymlinks(f.Path)
	if err != nil {
		return err
	}
	info, err := os.Stat(real)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", real, info.Size(), info.ModTime().UnixNano()))
	f.Read, f.Digest = slices.Compact([]string{f.Path, real}), hex.EncodeToString(sum[:])
	return nil
}

// describe fills in what the program rests on: its own file, the folders around it
// and its interpreter. The program is small and the same in all versions, so
// the digest is also of the names of the packages there, which have versions.
func (f *Found) describe() error {
	text, err := head(f.Path)
	if err != nil {
		return err
	}
	real, err := filepath.EvalSymlinks(f.Path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	fmt.Fprintf(sum, "%s\n%x\n", real, sha256.Sum256(text))
	roots := []string{prefix(real)}
	if python := interpreter(text); python != "" {
		if real, err := filepath.EvalSymlinks(python); err == nil {
			fmt.Fprintln(sum, real)
			roots = append(roots, prefix(python), prefix(real))
		}
	}
	f.Read = []string{f.Path, real}
	f.restOn(sum, roots)
	f.Digest = hex.EncodeToString(sum.Sum(nil))
	if _, err := os.Stat(filepath.Join(roots[0], "pyvenv.cfg")); err != nil && !system(roots[0]) {
		f.Env = append(slices.Clone(f.Env), "PYTHONUSERBASE="+roots[0])
	}
	return nil
}

// restOn adds to what a program is shown the folders of Python that it rests on, and
// tells sum the packages there.
func (f *Found) restOn(sum io.Writer, roots []string) {
	for _, root := range roots {
		for _, name := range packages(root) {
			fmt.Fprintln(sum, name)
		}
		if system(root) {
			continue // every program is shown these
		}
		f.Read = append(f.Read, filepath.Join(root, "bin"), filepath.Join(root, "lib"), filepath.Join(root, "pyvenv.cfg"))
	}
	slices.Sort(f.Read)
	f.Read = slices.Compact(f.Read)
}

// head is a program's file, up to a limit.
func head(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, maxProgram))
}

// interpreter is the one that a script names in its first line; "" for none.
func interpreter(text []byte) string {
	line, _, _ := bufio.ScanLines(text[:min(len(text), 1024)], true)
	first, ok := strings.CutPrefix(string(text[:line]), "#!")
	if fields := strings.Fields(first); ok && len(fields) > 0 && filepath.IsAbs(fields[0]) {
		return fields[0]
	}
	return ""
}

// prefix is where what is installed with PREFIX/bin/program begins.
func prefix(program string) string { return filepath.Dir(filepath.Dir(program)) }

func system(root string) bool { return root == "/" || root == "/usr" || root == "/usr/local" }

// packages are the names of the Python packages below a prefix, with their versions.
func packages(root string) []string {
	var names []string
	for _, pattern := range []string{"lib/python3*/site-packages", "lib/python3*/dist-packages", "local/lib/python3*/dist-packages"} {
		for _, suffix := range []string{"*.dist-info", "*.egg-info"} {
			found, _ := filepath.Glob(filepath.Join(root, pattern, suffix)) // the patterns are well-formed
			names = append(names, found...)
		}
	}
	return names
}
