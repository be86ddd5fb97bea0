package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/internal/memory"
	"github.com/sluice-ci/sluice/app/store"
	"github.com/sluice-ci/sluice/app/web"
)

// BenchmarkList is GET / without a connection: with the items in memory, what
// the pages cost, and with them in a database.
func BenchmarkList(b *testing.B) {
	database, err := store.OpenSQLite(b.Context(), filepath.Join(b.TempDir(), "todo.db"), store.Options{MaxItems: 100_000})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = database.Close() })
	for name, lists := range map[string]todo.Lists{"memory": &memory.Lists{}, "sqlite": database} {
		for _, n := range []int{0, 20, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { benchmarkList(b, lists, n) })
		}
	}
}

func benchmarkList(b *testing.B, lists todo.Lists, n int) {
	handler, err := web.New(web.Options{Lists: lists, Keys: newKeys(b)})
	if err != nil {
		b.Fatal(err)
	}
	first := httptest.NewRecorder()
	handler.ServeHTTP(first, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil))
	cookie := first.Result().Cookies()[0]
	id, _, _ := strings.Cut(cookie.Value, ".")
	for i := range n {
		if _, err := lists.Add(b.Context(), todo.ListID(id), fmt.Sprintf("item number %d of the list", i)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
		r.AddCookie(cookie)
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
