//go:build infra

package terraform

import (
	"cmp"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// grant is a role that a folder gives to somebody.
type grant struct {
	Folder string // modules/identity
	Role   string // roles/run.viewer, or "custom: name" for one of our own
	Member string // what the code calls who gets it: an account's or a variable's name
}

// TestRoles compares the table of README.md with the code: each role granted is
// in it, and nothing else is.
func TestRoles(t *testing.T) {
	t.Parallel()
	var granted []grant
	for _, folder := range folders(t) {
		granted = append(granted, grants(t, folder, source(t, folder))...)
	}
	if len(granted) == 0 {
		t.Fatal("no grant was found in the code")
	}
	if diff := gocmp.Diff(sorted(granted), sorted(tableOfRoles(t, read(t, "README.md")))); diff != "" {
		t.Errorf("the code (-) and the table of roles in README.md (+) differ:\n%s", diff)
	}
}

func sorted(g []grant) []grant {
	return slices.SortedFunc(slices.Values(g), func(a, b grant) int {
		return cmp.Or(cmp.Compare(a.Folder, b.Folder), cmp.Compare(a.Member, b.Member), cmp.Compare(a.Role, b.Role))
	})
}

// source joins a folder's files.
func source(t *testing.T, folder string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(folder, "*.tf"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		all.WriteString(read(t, path) + "\n")
	}
	return all.String()
}

func (b block) isGrant() bool {
	return b.kind == "resource" && regexp.MustCompile(`_iam_(member|binding)\.\w+$`).MatchString(b.labels)
}

// value gives the expression of an argument of the block, to the end of its line.
func (b block) value(pattern string) string {
	if m := regexp.MustCompile(`(?m)^  (?:` + pattern + `) *= *(.+)$`).FindStringSubmatch(b.body); m != nil {
		return m[1]
	}
	return ""
}

// grants reads the grants of a folder from its source.
func grants(t *testing.T, folder, text string) []grant {
	t.Helper()
	all := blocks(text)
	var found []grant
	for _, b := range all {
		if !b.isGrant() {
			continue
		}
		each := b.value("for_each")
		roles, members := rolesOf(all, each, b.value("role")), membersOf(each, b.value("members?"))
		if len(roles) == 0 || len(members) == 0 {
			t.Errorf("%s: role or member of %s cannot be read; write them as the other grants do", folder, b.labels)
		}
		for _, role := range roles {
			for _, member := range members {
				found = append(found, grant{filepath.ToSlash(folder), role, member})
			}
		}
	}
	return found
}

// rolesOf reads an expression for roles: a literal, one of our own roles, or each
// of a list that is written where for_each is, or is a local value.
func rolesOf(all []block, each, expression string) []string {
	if m := regexp.MustCompile(`google_project_iam_custom_role\.(\w+)`).FindStringSubmatch(expression); m != nil {
		return []string{"custom: " + m[1]}
	}
	if strings.HasPrefix(expression, "each.") {
		expression = each
		if m := regexp.MustCompile(`local\.(\w+)`).FindStringSubmatch(each); m != nil {
			expression = local(all, m[1])
		}
	}
	var found []string
	for _, m := range regexp.MustCompile(`"(roles/[\w.]+)"`).FindAllStringSubmatch(expression, -1) {
		found = append(found, m[1])
	}
	return found
}

// local gives the expression of a local value, on one line or several.
func local(all []block, name string) string {
	for _, b := range all {
		if m := regexp.MustCompile(`(?ms)^  ` + name + ` *= (?:[^\n]*[\[{(]\n.*?^  [\]})][^\n]*$|[^\n]*$)`).FindString(b.body); b.kind == "locals" && m != "" {
			return m
		}
	}
	return ""
}

// membersOf gives what the code calls those whom an expression names: the account
// in google_service_account.NAME.member or .ACCOUNTS["NAME"], the variable in
// var.NAME_email, or what for_each goes through.
func membersOf(each, expression string) []string {
	if strings.Contains(expression, "each.value") {
		expression = each
	}
	names := regexp.MustCompile(`google_\w+\.\w+\["(\w+)"\]|google_\w+\.(\w+)|(?:var|local)\.(\w+)|"(all\w+)"`)
	var found []string
	for _, m := range names.FindAllStringSubmatch(expression, -1) {
		name := strings.TrimSuffix(strings.TrimSuffix(strings.Join(m[1:], ""), "_email"), "_member")
		found = append(found, name)
	}
	return found
}

// tableOfRoles reads the rows of "role | on what | to whom | why | without it":
// a role, the folder that grants it, and who gets it, each in backquotes.
func tableOfRoles(t *testing.T, text string) []grant {
	t.Helper()
	quoted := regexp.MustCompile("`([^`]+)`")
	var found []grant
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		role := quoted.FindStringSubmatch(cells[0])
		if len(cells) != 5 || role == nil {
			continue
		}
		folder, members := quoted.FindStringSubmatch(cells[1]), quoted.FindAllStringSubmatch(cells[2], -1)
		if folder == nil || members == nil || strings.TrimSpace(cells[3]) == "" || strings.TrimSpace(cells[4]) == "" {
			t.Errorf("a row of the table of roles is incomplete: %s", line)
			continue
		}
		for _, m := range members {
			found = append(found, grant{folder[1], role[1], m[1]})
		}
	}
	return found
}

func TestGrants(t *testing.T) {
	t.Parallel()
	text := `locals {
  several = var.none ? [] : [
    "roles/a.one", # "roles/a.comment" is not one
    "roles/a.two",
  ]
  other = "roles/a.other"
}

resource "google_project_iam_member" "literal" {
  role   = "roles/b"
  member = google_service_account.runtime.member
}

resource "google_project_iam_member" "several" {
  for_each = toset(local.several)
  role     = each.key
  member   = google_service_account.ci["deployer"].member
}

resource "google_project_iam_member" "here" {
  for_each = toset(["roles/c.one", "roles/c.two"])
  role     = each.value
  member   = "serviceAccount:${var.deployer_email}"
}

resource "google_project_iam_member" "own" {
  for_each = toset(var.invokers)
  role     = google_project_iam_custom_role.reader.id
  member   = each.value
}

resource "google_project_iam_binding" "public" {
  role    = "roles/d"
  members = ["allUsers", var.reader]
}
`
	want := []grant{
		{"x", "roles/b", "runtime"},
		{"x", "roles/a.one", "deployer"},
		{"x", "roles/a.two", "deployer"},
		{"x", "roles/c.one", "deployer"},
		{"x", "roles/c.two", "deployer"},
		{"x", "custom: reader", "invokers"},
		{"x", "roles/d", "allUsers"},
		{"x", "roles/d", "reader"},
	}
	if diff := gocmp.Diff(want, grants(t, "x", text)); diff != "" {
		t.Error(diff)
	}
}
