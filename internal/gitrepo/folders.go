package gitrepo

import (
	"os"
	"path/filepath"
	"strings"
)

// maxAlternates bounds how many repositories may lend their objects, one to the next.
const maxAlternates = 100

// Folders are those that git's data is in: of the work tree, of what linked work
// trees share, and of the repositories whose objects are borrowed (gitrepository-layout(5),
// objects/info/alternates).
func (r Repository) Folders() []string {
	folders := []string{r.Dir, r.Common}
	objects := []string{filepath.Join(r.Common, "objects")}
	for i := 0; i < len(objects) && i < maxAlternates; i++ {
		text, err := os.ReadFile(filepath.Join(objects[i], "info", "alternates"))
		if err != nil {
			continue // it borrows none
		}
		for line := range strings.Lines(string(text)) {
			path := strings.TrimSuffix(line, "\n")
			if path == "" || path[0] == '#' {
				continue
			}
			if !filepath.IsAbs(path) {
				path = filepath.Join(objects[i], path)
			}
			objects = append(objects, path)
		}
	}
	return append(folders, objects[1:]...)
}
