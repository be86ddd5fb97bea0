package image

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncTree sees a tree to the disk: all at once, since an image may have tens of
// thousands of files (syncfs(2)).
func syncTree(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := unix.Syncfs(int(dir.Fd())); err != nil {
		return fmt.Errorf("seeing files to the disk: %w", err)
	}
	return nil
}
