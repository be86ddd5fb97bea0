package python

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// covered counts a service's statements, without those of its tests.
type covered struct{ run, all int }

func (c covered) String() string {
	if c.all == 0 {
		return "0.0"
	}
	// Downwards, so that nothing is said to be reached that is not.
	return fmt.Sprintf("%.1f", math.Floor(1000*float64(c.run)/float64(c.all))/10)
}

// reaches tells whether the coverage is at least so many percent.
func (c covered) reaches(percent int) bool { return c.run*100 >= percent*c.all }

// coverageClass is the element about a file (Cobertura's coverage-04.dtd).
type coverageClass struct {
	File  string `xml:"filename,attr"`
	Lines []struct {
		Hits int `xml:"hits,attr"`
	} `xml:"lines>line"`
}

// parseCoverage reads a report of coverage.py's, by file.
func parseCoverage(r io.Reader) (map[string]covered, error) {
	files := map[string]covered{}
	err := eachElement(r, "class", func(d *xml.Decoder, at xml.StartElement) error {
		var c coverageClass
		if err := d.DecodeElement(&c, &at); err != nil {
			return err
		}
		n := covered{all: len(c.Lines)}
		for _, line := range c.Lines {
			if line.Hits > 0 {
				n.run++
			}
		}
		files[filepath.ToSlash(c.File)] = n
		return nil
	})
	return files, err
}

// sum counts the statements of files that are no tests. coverage.py does not
// always tell of a file that nothing imports: its lines then count as statements
// that are not run.
func sum(dir string, names []string, files map[string]covered) (total covered, err error) {
	for _, name := range names {
		if isTestCode(name) || name == "setup.py" {
			continue
		}
		n, told := files[name]
		if !told {
			if n.all, err = countLines(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
				return total, err
			}
		}
		total.run, total.all = total.run+n.run, total.all+n.all
	}
	return total, nil
}

// isTestCode tells a file of tests, or that helps them, by its name and folders.
func isTestCode(name string) bool {
	folders := strings.Split(path.Dir(name), "/")
	return isTestFile(name) || slices.Contains(folders, "tests") || slices.Contains(folders, "test")
}

// countLines counts a file's lines that are neither empty nor a comment.
func countLines(file string) (n int, err error) {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return 0, err
	}
	defer root.Close()
	text, err := read(root, filepath.Base(file))
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			n++
		}
	}
	return n, err
}
