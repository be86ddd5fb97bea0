package tool

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Bounds on a published program: bytes, and how long its download may take.
const (
	maxArchive  = 512 << 20
	maxBinary   = 1 << 30
	maxDownload = 20 * time.Minute
)

// checksumError is a file that is not what the lock names.
type checksumError struct{ url, got string }

func (e *checksumError) Error() string {
	return fmt.Sprintf("%s has the SHA-256 %s, which is not that of the lock of tools", e.url, e.got)
}

// fetch downloads an archive and takes the tool's program out of it. Nothing of the
// archive is looked at before its checksum is right.
func (m maker) fetch(ctx context.Context, a Archive) error {
	path := filepath.Join(m.work, "archive")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := m.download(ctx, a, f); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return unpack(f, m.Name, filepath.Join(m.dir, "bin", m.Name))
}

func (m maker) download(ctx context.Context, a Archive, w io.Writer) error {
	m.Say("downloading " + a.URL)
	ctx, cancel := context.WithTimeout(ctx, maxDownload)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		return err
	}
	resp, err := m.HTTP.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", a.URL, resp.Status)
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, sum, &meter{total: resp.ContentLength, say: m.Say, what: m.Name}), io.LimitReader(resp.Body, maxArchive+1))
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case err != nil:
		return fmt.Errorf("%s: %w", a.URL, err)
	case n > maxArchive:
		return fmt.Errorf("%s is larger than %d bytes", a.URL, maxArchive)
	case got != a.SHA256:
		return &checksumError{a.URL, got}
	}
	return nil
}

// meter tells how much has been downloaded, at every tenth part.
type meter struct {
	n, total int64 // bytes; total is less than 1 when it is not known
	say      func(string)
	what     string
}

func (m *meter) Write(p []byte) (int, error) {
	before := m.n
	if m.n += int64(len(p)); m.total > 0 && m.n*10/m.total != before*10/m.total {
		m.say(fmt.Sprintf("downloading %s: %d %%", m.what, m.n*100/m.total))
	}
	return len(p), nil
}

// unpack takes one program out of a .tar.gz.
func unpack(r io.Reader, name, to string) error {
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	t := tar.NewReader(io.LimitReader(z, maxBinary))
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("the archive has no %s", name)
		}
		if err != nil {
			return err
		}
		if h.Name == name && h.Typeflag == tar.TypeReg {
			return save(t, to)
		}
	}
}

func save(r io.Reader, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}
