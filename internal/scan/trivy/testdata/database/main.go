// Command database writes a small database as Trivy reads it (schema 2), with
// advisories about openssl in Debian 12 and in Alpine 3.20, Django, lodash and Rack.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
)

type object = map[string]any

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(dir string) error {
	db, err := bbolt.Open(filepath.Join(dir, "trivy.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	const pip, npm, gems = "pip::GitHub Security Advisory Pip", "npm::GitHub Security Advisory Npm", "rubygems::GitHub Security Advisory RubyGems"
	err = db.Update(func(tx *bbolt.Tx) error {
		return errors.Join(
			put(tx, object{"ID": "debian", "Name": "Debian Security Tracker", "URL": "https://example.com"}, "data-source", "debian 12"),
			put(tx, object{"ID": "alpine", "Name": "Alpine Secdb", "URL": "https://example.com"}, "data-source", "alpine 3.20"),
			put(tx, object{"ID": "ghsa", "Name": "GitHub Security Advisory Pip", "URL": "https://example.com"}, "data-source", pip),
			put(tx, object{"ID": "ghsa", "Name": "GitHub Security Advisory Npm", "URL": "https://example.com"}, "data-source", npm),
			put(tx, object{"ID": "ghsa", "Name": "GitHub Security Advisory RubyGems", "URL": "https://example.com"}, "data-source", gems),
			put(tx, object{"FixedVersion": "3.0.15-1~deb12u1"}, "debian 12", "openssl", "CVE-2030-0001"),
			put(tx, object{"Status": 3}, "debian 12", "openssl", "CVE-2030-0002"),
			put(tx, object{"FixedVersion": "3.3.2-r0"}, "alpine 3.20", "openssl", "CVE-2030-0001"),
			put(tx, object{"PatchedVersions": []string{"4.2.20"}, "VulnerableVersions": []string{"<4.2.20"}}, pip, "django", "CVE-2030-0003"),
			put(tx, object{"PatchedVersions": []string{"4.17.21"}, "VulnerableVersions": []string{"<4.17.21"}}, npm, "lodash", "CVE-2030-0004"),
			put(tx, object{"PatchedVersions": []string{"2.0.0"}, "VulnerableVersions": []string{"< 2.0.0"}}, gems, "rack", "CVE-2030-0005"),
			put(tx, object{"Title": "openssl: a flaw", "Description": "Planted by a test.", "Severity": "CRITICAL", "CweIDs": []string{"CWE-787"}}, "vulnerability", "CVE-2030-0001"),
			put(tx, object{"Title": "openssl: one that is not mended", "Severity": "CRITICAL"}, "vulnerability", "CVE-2030-0002"),
			put(tx, object{"Title": "django: SQL injection", "Severity": "HIGH"}, "vulnerability", "CVE-2030-0003"),
			put(tx, object{"Title": "lodash: prototype pollution", "Severity": "HIGH"}, "vulnerability", "CVE-2030-0004"),
			put(tx, object{"Title": "rack: request smuggling", "Severity": "HIGH"}, "vulnerability", "CVE-2030-0005"),
		)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	text, err := json.Marshal(object{"Version": 2, "UpdatedAt": time.Now().UTC(), "NextUpdate": time.Now().Add(24 * time.Hour).UTC(), "DownloadedAt": time.Now().UTC()})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "metadata.json"), text, 0o600)
}

// put writes a value below buckets; the last name is its key.
func put(tx *bbolt.Tx, value object, names ...string) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	bucket, err := tx.CreateBucketIfNotExists([]byte(names[0]))
	for _, name := range names[1 : len(names)-1] {
		if err == nil {
			bucket, err = bucket.CreateBucketIfNotExists([]byte(name))
		}
	}
	if err != nil {
		return err
	}
	return bucket.Put([]byte(names[len(names)-1]), text)
}
