package cloudrunlocal

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"unicode"
)

const (
	maxLog   = 4 << 20 // bytes of a log before it is put aside; one older is kept
	tailSize = 4 << 10 // bytes of a log that go into a message
)

// logfile is a log of bounded size. Writing to it never fails, because what a
// service prints must not be what stops it: on a full disk, lines are lost.
type logfile struct {
	mu   sync.Mutex
	path string
	file *os.File
	size int64
	max  int64
}

func openLog(path string) (*logfile, error) {
	f, err := openOwn(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, full(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &logfile{path: path, file: f, size: size, max: maxLog}, nil
}

func (l *logfile) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		if l.size >= l.max {
			l.rotate()
		}
		part := rest[:min(int64(len(rest)), max(1, l.max-l.size))]
		n, _ := l.file.Write(part)
		l.size += int64(n)
		rest = rest[len(part):]
	}
	return len(p), nil
}

// rotate begins a new file, and keeps the old one as path.1. There is a file at
// path at any moment. Where that cannot be done, the old one is emptied.
func (l *logfile) rotate() {
	next, err := l.replace()
	if err != nil {
		_ = l.file.Truncate(0)
		l.size = 0
		return
	}
	_ = l.file.Close()
	l.file, l.size = next, 0
}

func (l *logfile) replace() (*os.File, error) {
	next, err := openOwn(l.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND)
	if err != nil {
		return nil, err
	}
	aside := l.path + ".1.new"
	_ = os.Remove(aside) // else Link says that it is there
	if err := errors.Join(os.Link(l.path, aside), os.Rename(aside, l.path+".1"), os.Rename(next.Name(), l.path)); err != nil {
		_ = next.Close()
		return nil, err
	}
	return next, nil
}

func (l *logfile) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// tail is the end of a log as text that can be shown, or "".
func tail(path string) string {
	f, err := openOwn(path, os.O_RDONLY)
	if err != nil {
		return ""
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, end-tailSize), io.SeekStart)
	}
	data, err := io.ReadAll(io.LimitReader(f, tailSize))
	if err != nil {
		return ""
	}
	return printable(string(data))
}

// printable drops what could do something to a terminal.
func printable(s string) string {
	s = strings.ToValidUTF8(s, "�")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, s))
}
