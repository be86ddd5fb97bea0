package store_test

import (
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/app/store"
)

func TestSettingsOfMySQL(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]store.MySQL{
		"nothing":             {},
		"no host":             {User: "u", Database: "d"},
		"instance and host":   {Instance: "p:r:i", Host: "h", User: "u", Database: "d"},
		"no user":             {Host: "h", Database: "d"},
		"no database":         {Host: "h", User: "u"},
		"no instance's name":  {Instance: "i", User: "u", Database: "d"},
		"TLS on a socket":     {Host: "/run/mysqld.sock", User: "u", Database: "d"},
		"too many parts":      {Instance: "a:b:c:d:e", User: "u", Database: "d"},
		"an empty part":       {Instance: "a::c", User: "u", Database: "d"},
		"a port that is none": {Host: "h:x", User: "u", Database: "d"},
	} {
		s, err := store.OpenMySQL(c, store.Options{})
		if err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Close()
		} else if !strings.Contains(err.Error(), "settings") {
			t.Errorf("%s: %v, want an error about settings", name, err)
		}
	}
}

// TestServerWithoutTLS: what is to be verified is never sent in plain text.
func TestServerWithoutTLS(t *testing.T) {
	t.Parallel()
	c := server(t).NewDatabase(t)
	m := settings(c)
	m.Host, m.PlainText = c.Addr, false
	err := store.MigrateMySQL(t.Context(), m)
	if err == nil || !strings.Contains(err.Error(), "TLS") {
		t.Errorf("a server without TLS: %v, want an error that says so", err)
	}
}
