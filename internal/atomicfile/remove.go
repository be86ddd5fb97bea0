package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// RemoveAll removes a folder like os.RemoveAll, also where what made it took
// the right to away. It changes nothing outside the folder, whatever links are
// in it.
func RemoveAll(dir string) error {
	if err := os.RemoveAll(dir); err == nil {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			return root.Chmod(path, 0o700)
		}
		return nil
	})
	return errors.Join(err, root.Close(), os.RemoveAll(dir))
}
