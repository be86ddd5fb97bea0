//go:build infra

package terraform

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// block is a block at the left margin of a file that terraform fmt has no
// objections to: it ends with the first brace that is at the margin, too.
type block struct {
	kind, labels string // resource, google_service_account.runtime
	body         string // without comments
	above        string // the line above
}

func blocks(text string) []block {
	var found []block
	var now *block
	above := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch m := regexp.MustCompile(`^(\w+)((?: "[^"]+")*) \{(\})?$`).FindStringSubmatch(line); {
		case now == nil && m != nil:
			now = &block{kind: m[1], labels: strings.ReplaceAll(strings.Trim(m[2], ` "`), `" "`, "."), above: above}
			if m[3] == "" {
				break
			}
			fallthrough // mock_provider "google" {}
		case now != nil && line == "}":
			found = append(found, *now)
			now = nil
		case now != nil:
			now.body += uncommented(line) + "\n"
		}
		above = line
	}
	return found
}

// uncommented leaves out what follows a # or // that is not within quotes.
func uncommented(line string) string {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"' && !strings.HasSuffix(line[:i], `\`):
			quoted = !quoted
		case !quoted && (c == '#' || strings.HasPrefix(line[i:], "//")):
			return line[:i]
		}
	}
	return line
}

// rule is what no line may contain.
type rule struct {
	pattern *regexp.Regexp
	but     *regexp.Regexp // "path: line" of the lines that may
	why     string
}

func rules() []rule {
	never := func(pattern, why string) rule {
		return rule{regexp.MustCompile(pattern), regexp.MustCompile(`^$`), why}
	}
	public := never(`\ball(Authenticated)?Users\b`, "the public is let in; only the service's invokers may be anybody")
	public.but = regexp.MustCompile(`^modules/service/variables\.tf: |^modules/service/main\.tf: +invoker_iam_disabled += |` +
		`^modules/service/access\.tf: +invokers += setsubtract|^environments/[^ ]+: +(invokers|public|description) += `)
	return []rule{
		public,
		never(`\binvoker_iam_disabled\s*=\s*(true|var\.)`, "whether the service is public is asked of invokers"),
		never(`google_service_account_key\b`, "a service account's key is a password that does not end; use workload identity"),
		never(`roles/(owner|editor|viewer)\b`, "a primitive role is for everything in the project; name what is needed"),
		never(`^\s*(credentials|access_token)\s*=`, "credentials in the code; use workload identity, or a person's own login"),
		never(`^\s*(secret_data|password|root_password)\s*=`, "the value would be in Terraform's state; write it outside, or with the write-only argument"),
		never(`^data "google_secret_manager_secret_version(_access)?"`, "the value would be in Terraform's state"),
		never(`^resource "google_\w+_iam_policy"`, "it takes away what others were granted; use _iam_member"),
		never(`roles/iam\.serviceAccount(Key|TokenCreator)`, "nobody makes keys, or tokens for others"),
		never(`-----BEGIN|"private_key"`, "a key is in the tree"),
	}
}

// broken names the rules that a file breaks.
func broken(path, text string) []string {
	all := rules()
	var found []string
	for line := range strings.Lines(text) {
		line = uncommented(strings.TrimSuffix(line, "\n"))
		for _, r := range all {
			if at := filepath.ToSlash(path) + ": " + line; r.pattern.MatchString(line) && !r.but.MatchString(at) {
				found = append(found, at+": "+r.why)
			}
		}
	}
	return found
}

// TestNothingForbidden holds every file to the rules, tests of modules excepted:
// they name what must be refused.
func TestNothingForbidden(t *testing.T) {
	t.Parallel()
	for _, path := range files(t) {
		switch filepath.Ext(path) {
		case ".tf", ".json", ".tfvars", ".pem", ".yaml", ".yml":
			for _, b := range broken(path, read(t, path)) {
				t.Error(b)
			}
		case ".tfstate":
			t.Errorf("%s: a state belongs into its bucket", path)
		}
	}
}

// TestForbidden shows that each rule finds what it is for.
func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, path, text string
		want             int
	}{
		{"nothing", "modules/a/main.tf", "role = \"roles/run.viewer\"\n", 0},
		{"a key", "modules/a/main.tf", `resource "google_service_account_key" "key" {`, 1},
		{"a key, ephemeral", "modules/a/main.tf", `ephemeral "google_service_account_key" "key" {`, 1},
		{"the right to make keys", "modules/a/main.tf", `  role = "roles/iam.serviceAccountKeyAdmin"`, 1},
		{"primitive", "modules/a/main.tf", `  role = "roles/editor"`, 1},
		{"primitive in a list", "modules/a/main.tf", `  roles = ["roles/run.viewer", "roles/viewer"]`, 1},
		{"public", "modules/registry/main.tf", `  member = "allUsers"`, 1},
		{"public with an account", "modules/registry/main.tf", `  member = "allAuthenticatedUsers"`, 1},
		{"public by a grant, in the service", "modules/service/access.tf", `  member = "allUsers"`, 1},
		{"public by a switch", "modules/service/main.tf", `  invoker_iam_disabled = contains(var.invokers, "allUsers")`, 0},
		{"public always", "modules/service/main.tf", `  invoker_iam_disabled = true`, 1},
		{"public, where it was asked for", "environments/staging/main.tf", `  invokers = ["allUsers"]`, 0},
		{"public, elsewhere", "environments/staging/main.tf", `  writers = ["allUsers"]`, 1},
		{"credentials", "environments/staging/main.tf", "provider \"google\" {\n  credentials = file(\"key.json\")\n}", 1},
		{"a token", "environments/staging/main.tf", "provider \"google\" {\n  access_token = var.token\n}", 1},
		{"a value in the state", "modules/a/main.tf", "  secret_data = var.value", 1},
		{"a value that is only written", "modules/a/main.tf", "  secret_data_wo = var.value", 0},
		{"a password", "modules/a/main.tf", "  password = var.password", 1},
		{"a value that is read", "modules/a/main.tf", `data "google_secret_manager_secret_version" "keys" {`, 1},
		{"a whole policy", "modules/a/main.tf", `resource "google_project_iam_policy" "all" {`, 1},
		{"a key's file", "environments/staging/key.json", `{"private_key": "…"}`, 1},
		{"in a comment", "modules/a/main.tf", "# never allUsers, nor roles/owner", 0},
		{"behind what looks like a comment", "modules/a/main.tf", `  x = { "a//#\"" = "roles/owner" }`, 1},
		{"before a comment", "modules/a/main.tf", `  role = "roles/owner" # for now`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := broken(tt.path, tt.text); len(got) != tt.want {
				t.Errorf("%d rules are broken, want %d: %q", len(got), tt.want, got)
			}
		})
	}
}

// TestExplained holds variables and outputs to a description, variables to a
// type, grants to a comment, and every folder to the one version of the provider.
func TestExplained(t *testing.T) {
	t.Parallel()
	pinned := map[string]bool{}
	for _, path := range files(t) {
		if filepath.Ext(path) != ".tf" {
			continue
		}
		text := read(t, path)
		if regexp.MustCompile(`(?s)source += "hashicorp/google"\n +version += "8\.0\.0"\n`).MatchString(text) {
			pinned[filepath.Dir(path)] = true
		}
		for _, b := range blocks(text) {
			for _, lack := range lacks(b) {
				t.Errorf("%s: %s %s has no %s", path, b.kind, b.labels, lack)
			}
		}
	}
	for _, folder := range folders(t) {
		if !pinned[folder] {
			t.Errorf("%s does not pin the provider to version 8.0.0, which tools/provider.sh lays out", folder)
		}
	}
}

func lacks(b block) []string {
	var missing []string
	has := func(name string) bool { return regexp.MustCompile(`(?m)^  ` + name + ` *= *\S`).MatchString(b.body) }
	if (b.kind == "variable" || b.kind == "output") && !has("description") {
		missing = append(missing, "description")
	}
	if b.kind == "variable" && !has("type") {
		missing = append(missing, "type")
	}
	if b.isGrant() && !strings.HasPrefix(b.above, "#") {
		missing = append(missing, "comment that says why")
	}
	return missing
}

func TestLacks(t *testing.T) {
	t.Parallel()
	text := `variable "a" {
}

resource "google_project_iam_member" "b" {
  role = "roles/run.viewer"
}

# Because.
resource "google_project_iam_member" "c" {
}

output "d" {}
`
	got := map[string][]string{}
	for _, b := range blocks(text) {
		got[b.labels] = lacks(b)
	}
	want := map[string][]string{
		"a":                           {"description", "type"},
		"google_project_iam_member.b": {"comment that says why"},
		"google_project_iam_member.c": nil,
		"d":                           {"description"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
