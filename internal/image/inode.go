package image

import (
	"archive/tar"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// inode is a file apart from its names.
type inode struct {
	mode     fs.FileMode
	uid, gid int
	caps     bool
	size     int64
	target   string // of a symbolic link
	sum      [sha256.Size]byte
	layer    int // where its content is
	pos      int
}

// capabilityXattr is the PAX record of a file's capabilities.
const capabilityXattr = "SCHILY.xattr.security.capability"

// typeBits are the types of files that an image may have.
var typeBits = map[byte]fs.FileMode{
	tar.TypeReg: 0, tar.TypeGNUSparse: 0, tar.TypeLink: 0,
	tar.TypeDir: fs.ModeDir, tar.TypeSymlink: fs.ModeSymlink, tar.TypeFifo: fs.ModeNamedPipe,
	tar.TypeChar: fs.ModeDevice | fs.ModeCharDevice, tar.TypeBlock: fs.ModeDevice,
}

func newInode(hdr *tar.Header) (*inode, error) {
	kind, ok := typeBits[hdr.Typeflag]
	if !ok {
		return nil, fmt.Errorf("unknown type of entry %q", hdr.Typeflag)
	}
	if hdr.Uid < 0 || hdr.Gid < 0 {
		return nil, fmt.Errorf("owner %d:%d", hdr.Uid, hdr.Gid)
	}
	_, caps := hdr.PAXRecords[capabilityXattr]
	n := &inode{mode: kind | permissions(hdr.Mode), uid: hdr.Uid, gid: hdr.Gid, caps: caps, size: hdr.Size}
	if kind == fs.ModeSymlink {
		n.target = hdr.Linkname
		return n, checkTarget(n.target)
	}
	return n, nil
}

// permissions turns the mode of a header (POSIX pax, "mode") into Go's.
func permissions(mode int64) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	if mode&0o4000 != 0 {
		m |= fs.ModeSetuid
	}
	if mode&0o2000 != 0 {
		m |= fs.ModeSetgid
	}
	if mode&0o1000 != 0 {
		m |= fs.ModeSticky
	}
	return m
}

func checkTarget(target string) error {
	if target == "" || len(target) > maxPath || strings.ContainsRune(target, 0) {
		return errors.New("its target is empty, too long or has a zero byte")
	}
	return nil
}

// digest reads the content and keeps its sum.
func (n *inode) digest(content io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return err
	}
	sum.Sum(n.sum[:0])
	return nil
}

// cleanName returns an archive's name as a path from the image's root,
// "etc/passwd"; the root itself is "". A leading slash or "./" means nothing.
func cleanName(name string) (string, error) {
	if len(name) > maxPath {
		return "", fmt.Errorf("%w: a path of %d bytes, more than %d", ErrTooBig, len(name), maxPath)
	}
	if strings.ContainsRune(name, 0) {
		return "", errors.New("its path has a zero byte")
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", errors.New("its path climbs out of the image")
		}
		if len(part) > maxName {
			return "", fmt.Errorf("%w: a name of %d bytes, more than %d", ErrTooBig, len(part), maxName)
		}
	}
	clean := strings.TrimPrefix(path.Clean("/"+name), "/")
	if strings.Count(clean, "/") >= maxDepth {
		return "", fmt.Errorf("%w: a path of more than %d folders", ErrTooBig, maxDepth)
	}
	return clean, nil
}
