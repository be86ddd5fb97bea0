//go:build infra

package terraform

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEnvironmentsAlike: what is tried in staging is what production is. They
// differ in the defaults of variables, in what they let a database be, and in
// where their state is.
func TestEnvironmentsAlike(t *testing.T) {
	t.Parallel()
	mayDiffer := regexp.MustCompile(`(?m)^ +(default|allow_shared_core|prefix|condition|error_message) += .*$`)
	staging, production := environment(t, "staging"), environment(t, "production")
	for _, files := range []map[string]string{staging, production} {
		for name, text := range files {
			files[name] = mayDiffer.ReplaceAllString(text, "")
		}
	}
	if diff := cmp.Diff(staging, production); diff != "" {
		t.Errorf("environments (-staging +production):\n%s", diff)
	}
}

// TestEnvironmentsGrantLittle: the account that applies an environment can say
// nothing about accounts, secrets or who may do what in the project, so what an
// environment is made of has none of it.
func TestEnvironmentsGrantLittle(t *testing.T) {
	t.Parallel()
	personal := regexp.MustCompile(`^google_(project_iam_|service_account|secret_manager_|organization_|folder_|storage_bucket_iam_)`)
	for _, name := range []string{"staging", "production"} {
		modules := regexp.MustCompile(`(?m)^  source = "\.\./\.\./(modules/\w+)"$`).FindAllStringSubmatch(environment(t, name)["main.tf"], -1)
		if len(modules) == 0 {
			t.Fatalf("%s calls no module", name)
		}
		for _, m := range modules {
			for _, b := range blocks(source(t, m[1])) {
				if b.kind == "resource" && personal.MatchString(b.labels) {
					t.Errorf("%s calls %s, which makes %s: call it in bootstrap", name, m[1], b.labels)
				}
			}
		}
	}
}

// TestCallsAreCounted: some of Google's APIs refuse a person's login unless the
// call names a project to be counted against.
func TestCallsAreCounted(t *testing.T) {
	t.Parallel()
	for _, folder := range []string{"bootstrap", "environments/staging", "environments/production"} {
		provider := slices.ContainsFunc(blocks(source(t, folder)), func(b block) bool {
			return b.kind == "provider" && b.value("user_project_override") == "true" && b.value("billing_project") == "var.project_id"
		})
		if !provider {
			t.Errorf("%s: the provider does not say which project its calls are counted against", folder)
		}
	}
}

// environment is the text of its files, by name.
func environment(t *testing.T, name string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("environments", name, "*.tf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", name, len(paths), err)
	}
	all := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(text)
	}
	return all
}
