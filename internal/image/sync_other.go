//go:build !linux

package image

import (
	"io/fs"
	"os"
)

// syncTree sees a tree to the disk, file by file.
func syncTree(root *os.Root) error {
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() && !e.Type().IsRegular() {
			return err
		}
		return syncOpened(root.Open(name))
	})
}
