package trivy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// registry serves a database as Trivy's project publishes it: an OCI artifact
// with one layer. It gives its address.
func registry(t *testing.T, dir string) string {
	t.Helper()
	content := map[string][]byte{}
	describe := func(mediaType string, text []byte) map[string]any {
		sum := sha256.Sum256(text)
		digest := "sha256:" + hex.EncodeToString(sum[:])
		content[digest] = text
		return map[string]any{"mediaType": mediaType, "digest": digest, "size": len(text), "annotations": map[string]string{"org.opencontainers.image.title": "db.tar.gz"}}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": describe("application/vnd.aquasec.trivy.config.v1+json", []byte("{}")),
		"layers": []any{describe("application/vnd.aquasec.trivy.db.layer.v1.tar+gzip", packed(t, dir))},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; {
		case r.URL.Path == "/v2/":
		case strings.Contains(r.URL.Path, "/manifests/"):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			_, _ = w.Write(manifest)
		case content[name] != nil:
			_, _ = w.Write(content[name])
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/trivy-db:2"
}

// packed is a folder as a tar.gz.
func packed(t *testing.T, dir string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for _, name := range []string{databaseFile, metadataFile} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestDatabaseByReference(t *testing.T) {
	t.Parallel()
	source := registry(t, databaseOf(t))
	p := databaseParams{params: withTrivy(t), Source: source}
	r, err := work(t, Database{probe: asIs}.Worker(), t.TempDir(), p, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !validDatabase(pipeline.Answer{Reports: []pipeline.Report{r}}) || r.Values[databaseDigest] == "" || r.Values[pipeline.DataModified] == "" || r.Values[databaseSource] != source {
		t.Errorf("%+v", r)
	}
	db, err := openFolder(r.Values[databasePath])
	if err != nil || db.digest != r.Values[databaseDigest] || filepath.Base(db.path) != db.digest {
		t.Errorf("%+v, %v", db, err)
	}
	for _, none := range []string{source + "/not:a reference", "127.0.0.1:1/trivy-db:2", "--help"} {
		p.Source = none
		if r, err := work(t, Database{probe: asIs}.Worker(), t.TempDir(), p, nil); err == nil {
			t.Errorf("%q: %+v", none, r)
		}
	}
}
