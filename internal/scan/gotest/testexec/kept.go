package testexec

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

// Bounds, in bytes and in lines.
const (
	maxSaid   = 8 << 20
	maxCover  = 64 << 20
	maxKept   = 256 << 20
	maxOpened = 16 << 20 // of the list of what a test program looked at
	maxFile   = 16 << 20 // of a file that is compared by content
	maxNames  = 100_000
)

// Prefix is of the names of the files in which results are kept.
const Prefix = "said-"

// record is what is kept of a test program that passed.
type record struct {
	name  string // of the file; "" when nothing is kept
	trial *trial
	began time.Time
	found *content // what was kept before and still holds
}

// content is the file's.
type content struct {
	Looked []string // at variables and files, as package testing logs it
	Digest string   // of what it saw there
	Said   []byte
	Cover  []byte
}

// encode writes lines that say what there is, an empty one, and what was said.
func (c content) encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "digest %s\nsaid %d\ncover %d\n", c.Digest, len(c.Said), len(c.Cover))
	for _, line := range c.Looked {
		fmt.Fprintf(&b, "looked %q\n", line)
	}
	b.WriteString("\n")
	b.Write(c.Said)
	b.Write(c.Cover)
	return b.Bytes()
}

// decodeContent reads what encode has written.
func decodeContent(text []byte) (c content, err error) {
	head, rest, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return c, errors.New("it breaks off")
	}
	said, cover := -1, -1
	for line := range strings.Lines(string(head) + "\n") {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch name {
		case "digest":
			c.Digest = value
		case "said":
			said, err = strconv.Atoi(value)
		case "cover":
			cover, err = strconv.Atoi(value)
		case "looked":
			value, err = strconv.Unquote(value)
			c.Looked = append(c.Looked, value)
		default:
			err = fmt.Errorf("the line %.80q", line)
		}
		if err != nil {
			return c, err
		}
	}
	if said < 0 || cover < 0 || said > len(rest) || cover != len(rest)-said {
		return c, errors.New("it breaks off")
	}
	c.Said, c.Cover = rest[:said], rest[said:]
	return c, nil
}

// kept looks for what the same program said with the same arguments, about the
// same files and variables.
func (t *trial) kept() (record, error) {
	r := record{trial: t, began: time.Now()}
	if t.Keep == "" {
		return r, nil
	}
	h := sha256.New()
	if err := addFile(h, t.program); err != nil {
		return r, err
	}
	wd, err := os.Getwd()
	if err != nil {
		return r, err
	}
	fmt.Fprintf(h, "%q %q", t.Facts, wd)
	for _, arg := range t.args {
		if name, _, _ := strings.Cut(arg, "="); name != "-test.coverprofile" && name != "-test.gocoverdir" {
			fmt.Fprintf(h, "%q", arg)
		}
	}
	r.name = Prefix + fmt.Sprintf("%x", h.Sum(nil))
	if t.Kept == "" {
		return r, nil
	}
	text, err := readBounded(path.Join(t.Kept, r.name), maxKept)
	if err != nil {
		return r, nil // there is none, or a test had it made unreadable
	}
	c, err := decodeContent(text)
	if err != nil {
		return r, nil // as good as none: it is written anew
	}
	if digest, _, err := t.digest(c.Looked); err == nil && digest == c.Digest {
		r.found = &c
	}
	return r, nil
}

// replay says what was said before, and tells whether there was anything. What
// cannot be said in full is tried again.
func (r record) replay(out io.Writer) bool {
	if r.found == nil {
		return false
	}
	if profile := r.trial.flag("coverprofile"); profile != "" && os.WriteFile(profile, r.found.Cover, 0o600) != nil {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(path.Join(r.trial.Kept, r.name), now, now) // it is removed when it was of no use for long
	_, _ = out.Write(r.found.Said)                            // a reader that is gone is the go command's end
	fmt.Fprintln(out, Replayed)
	return true
}

// Replayed is the last line of what is said again.
const Replayed = "# as before: the same program saw the same files"

// keep writes down what was said, unless something that it looked at changed meanwhile.
func (r record) keep(said []byte, log string) error {
	if r.name == "" {
		return nil
	}
	looked, err := readLog(log)
	if err != nil {
		return nil // it ended before it told what it looked at
	}
	digest, newest, err := r.trial.digest(looked)
	if err != nil || !newest.Before(r.began) {
		return nil // it cannot be told later what it saw
	}
	c := content{Looked: looked, Digest: digest, Said: said}
	if profile := r.trial.flag("coverprofile"); profile != "" {
		if c.Cover, err = readBounded(profile, maxCover); err != nil {
			return err
		}
	}
	return replace(path.Join(r.trial.Keep, r.name), c.encode())
}

// replace writes a file aside and moves it into place.
func replace(file string, text []byte) error {
	f, err := os.CreateTemp(path.Dir(file), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// readLog reads what package testing logged (internal/testlog): a line for each
// variable and file that a test looked at.
func readLog(path string) (lines []string, err error) {
	text, err := readBounded(path, maxOpened)
	if err != nil {
		return nil, err
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	if first != "# test log" {
		return nil, fmt.Errorf("%s is no test log", path)
	}
	for line := range strings.Lines(rest) {
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	return lines, nil
}

// digest is of what a program saw where it looked, now; newest is when the
// newest of those files was changed.
func (t *trial) digest(looked []string) (digest string, newest time.Time, err error) {
	h := sha256.New()
	dir, err := os.Getwd()
	if err != nil {
		return "", newest, err
	}
	for _, line := range looked {
		op, name, ok := strings.Cut(line, " ")
		if !ok {
			return "", newest, fmt.Errorf("a test log has the line %.80q", line)
		}
		if op == "getenv" {
			fmt.Fprintf(h, "%q=%q", name, t.variable(name))
			continue
		}
		at := name
		if !path.IsAbs(at) {
			at = path.Join(dir, at)
		}
		if op == "chdir" {
			dir = at
		}
		if !t.decides(at) {
			continue
		}
		changed, err := addLook(h, op, at)
		if err != nil {
			return "", newest, err
		}
		if changed.After(newest) {
			newest = changed
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil)), newest, nil
}

func (t *trial) variable(name string) string {
	for _, kv := range t.env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// decides tells whether a file is one of the sources. Others cannot be compared:
// temporary files are others each time.
func (t *trial) decides(file string) bool {
	for _, dir := range t.Sources {
		if strings.HasPrefix(path.Clean(file)+"/", path.Clean(dir)+"/") {
			return true
		}
	}
	return false
}

// addLook adds what is seen at a path: that it is there and what it is and, when
// it was opened, its content.
func addLook(h io.Writer, op, path string) (changed time.Time, err error) {
	info, err := os.Stat(path)
	if err != nil {
		_, err = fmt.Fprintf(h, "%q %q absent", op, path)
		return changed, err
	}
	changed = info.ModTime()
	fmt.Fprintf(h, "%q %q %v %d", op, path, info.Mode(), info.Size())
	switch {
	case op == "open" && info.IsDir():
		entries, err := os.ReadDir(path)
		if err != nil || len(entries) > maxNames {
			return changed, fmt.Errorf("listing %s: %w", path, errors.Join(err, fmt.Errorf("%d files", len(entries))))
		}
		for _, e := range entries {
			fmt.Fprintf(h, "%q %v", e.Name(), e.Type())
		}
		return changed, nil
	case op == "open" && info.Mode().IsRegular() && info.Size() <= maxFile:
		return changed, addFile(h, path)
	default:
		_, err = fmt.Fprintf(h, "%d", info.ModTime().UnixNano())
		return changed, err
	}
}

func addFile(h io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(h, bufio.NewReaderSize(f, 1<<20))
	return err
}

func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var text bytes.Buffer
	n, err := io.Copy(&text, io.LimitReader(f, most+1))
	if err == nil && n > most {
		err = fmt.Errorf("%s is larger than %d bytes", path, most)
	}
	return text.Bytes(), err
}
