// Package docs holds the documentation to what it refers to.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLinks: every link between the repository's documents leads to a file that
// is there, and to a heading of it.
func TestLinks(t *testing.T) {
	t.Parallel()
	found := 0
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != "..", e.IsDir() && e.Name() == "testdata":
			return filepath.SkipDir
		case e.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		links := linksOf(t, path)
		found += len(links)
		for _, link := range links {
			if wrong := dangling(t, path, link); wrong != "" {
				t.Errorf("%s: %s: %s", path, link, wrong)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d links found, %v", found, err)
	}
}

// linksOf lists the links of a document that are within the repository.
func linksOf(t *testing.T, path string) (links []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(text(t, path), -1) {
		if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
			links = append(links, m[1])
		}
	}
	return links
}

// dangling says what is wrong with a link; "" when nothing is.
func dangling(t *testing.T, path, link string) string {
	t.Helper()
	file, heading, _ := strings.Cut(link, "#")
	if file != "" {
		path = filepath.Join(filepath.Dir(path), filepath.FromSlash(file))
	}
	if _, err := os.Stat(path); err != nil {
		return "there is no such file"
	}
	if heading != "" && filepath.Ext(path) == ".md" && !headings(text(t, path))[heading] {
		return "there is no such heading"
	}
	return ""
}

// headings are those of a document as GitHub makes anchors of them.
func headings(text string) map[string]bool {
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ +(.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all[strings.ReplaceAll(name, " ", "-")] = true
	}
	return all
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestDangling sees that a link to nowhere is noticed.
func TestDangling(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "a.md")
	if err := os.WriteFile(path, []byte("# Every later deploy\n\n[b](b.md) [here](#every-later-deploy) [web](https://example.com/x.md)\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if links := linksOf(t, path); len(links) != 2 {
		t.Errorf("links: %q", links)
	}
	for link, want := range map[string]string{
		"b.md": "there is no such file", "#every-later-deploy": "", "a.md#every-later-deploy": "", "#nothing": "there is no such heading",
	} {
		if got := dangling(t, path, link); got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
}
