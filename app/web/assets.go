package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

//go:embed static
var static embed.FS

// assets are the files that pages load, by name.
type assets map[string]asset

type asset struct {
	content []byte
	version string // of the content
}

func newAssets() (assets, error) {
	entries, err := static.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("reading static files: %w", err)
	}
	files := assets{}
	for _, e := range entries {
		content, err := static.ReadFile("static/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("reading static files: %w", err)
		}
		sum := sha256.Sum256(content)
		files[e.Name()] = asset{content: content, version: hex.EncodeToString(sum[:8])}
	}
	return files, nil
}

// path is where a page loads a file from. The version in it changes with the
// content, so that browsers may keep what they have for ever.
func (a assets) path(name string) (string, error) {
	f, ok := a[name]
	if !ok {
		return "", fmt.Errorf("there is no static file %q", name)
	}
	return "/static/" + name + "?v=" + f.version, nil
}

// ServeHTTP is GET /static/{file}. A page of the version before or after this
// one gets the content of this one, not kept.
func (a assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	f, ok := a[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == f.version {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("ETag", `"`+f.version+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(f.content))
}
