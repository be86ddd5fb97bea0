package config

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Moved says what of a service is another than at an earlier commit, so that
// something else is looked at, or delivered.
func (p Pipeline) Moved(before Pipeline) (found []scan.Loosening) {
	is, was := p.Service, before.Service
	for _, v := range []struct{ key, what, is, was string }{
		{"path", "the service's folder", below(p.Root.Dir, is.Dir), below(before.Root.Dir, was.Dir)},
		{"build.main", "the command that is built", is.Main, was.Main},
		{"service", "the service's name", is.Name, was.Name},
		{"path", "the module", is.GoModule, was.GoModule},
	} {
		if v.is != v.was {
			found = append(found, scan.Loosening{Path: Name, Key: v.key, Line: p.Written.line(v.key), High: true,
				Message: fmt.Sprintf("%s is %q, and was %q: something else is looked at", v.what, v.is, v.was)})
		}
	}
	return found
}

func below(root, dir string) string {
	if rel, err := filepath.Rel(root, dir); err == nil {
		return filepath.ToSlash(rel)
	}
	return dir
}

// Nearest is the folder of the sluice.yaml that counts for a folder: the
// nearest from there upwards, else the top, ".". Folders are slash-separated and
// relative to the top; has tells whether there is a file.
func Nearest(folder string, has func(file string) bool) string {
	for at := path.Clean(folder); ; at = path.Dir(at) {
		if has(path.Join(at, Name)) || at == "." {
			return at
		}
	}
}

// Loosened says where a file lets more through than the file of an earlier
// commit did. Either may be nil, which is a file without a key.
func (f *File) Loosened(before *File) (found []scan.Loosening) {
	was, is := before.whole(), f.whole()
	add := func(key, format string, args ...any) {
		found = append(found, scan.Loosening{Path: Name, Key: key, Line: is.line(key), Message: fmt.Sprintf(format, args...)})
	}
	old, now := gates(was.Gates), gates(is.Gates)
	for _, stage := range slices.Sorted(maps.Keys(now)) {
		if now[stage].Laxer(old[stage]) {
			add("gates."+stage, "the gate of %s lets more through than before", stage)
		}
	}
	for _, rule := range is.Gates.Lint.Ignore {
		if !slices.ContainsFunc(was.Gates.Lint.Ignore, func(r string) bool { return strings.EqualFold(r, rule) }) {
			add("gates.lint.ignore", "the rule %s is switched off", rule)
		}
	}
	for _, l := range licensesLoosened(was.Gates.Licenses, is.Gates.Licenses) {
		add(l.Key, "%s", l.Message)
	}
	if is.Test.Coverage < was.Test.Coverage {
		add("test.coverage", "%d %% of the statements are to be covered, and were %d %%", is.Test.Coverage, was.Test.Coverage)
	}
	for i, x := range is.Exceptions {
		if !slices.ContainsFunc(was.Exceptions, x.within) {
			add(fmt.Sprintf("exceptions[%d].id", i), "%s is let be until %s (%s): %s", x.ID, x.Expires.Format("2006-01-02"), x.Owner, x.Reason)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(is.Secrets)) {
		if is.Secrets[name] != was.Secrets[name] {
			add("secrets", "the deployed service gets the secret %s as %s, and did not before", is.Secrets[name], name)
		}
	}
	if is.VulnDB != was.VulnDB {
		add("vulndb", "the vulnerability data comes from %q, and came from %q", is.VulnDB, was.VulnDB)
	}
	if is.TrivyDB != was.TrivyDB {
		add("trivydb", "Trivy's database comes from %q, and came from %q", is.TrivyDB, was.TrivyDB)
	}
	slices.SortStableFunc(found, func(a, b scan.Loosening) int { return strings.Compare(a.Key, b.Key) })
	return found
}

// licensesLoosened says which licences may be shipped, and might not before. Without
// a list, all are allowed that are not denied by default: one that is listed may
// have been let through then, and is told all the same.
func licensesLoosened(was, is LicensesGate) (found []scan.Loosening) {
	has := func(list []string, text string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, text) })
	}
	for i, text := range is.Allow {
		if !has(was.Allow, text) {
			found = append(found, scan.Loosening{Key: fmt.Sprintf("gates.licenses.allow[%d]", i), Message: "the licence " + text + " is allowed"})
		}
	}
	if len(is.Allow) == 0 && len(was.Allow) > 0 {
		found = append(found, scan.Loosening{Key: "gates.licenses.allow", Message: "licences were allowed by a list, and all that are not denied by default are now"})
	}
	for _, text := range was.Deny {
		if !has(is.Deny, text) {
			found = append(found, scan.Loosening{Key: "gates.licenses.deny", Message: "the licence " + text + " is no longer denied"})
		}
	}
	return found
}

// within tells whether an earlier exception let be all that this one does.
func (x Exception) within(before Exception) bool {
	return x.ID == before.ID && x.Path == before.Path && x.Package == before.Package && !x.Expires.After(before.Expires)
}

// whole is the file with the defaults of what it does not say.
func (f *File) whole() File {
	var whole File
	if f != nil {
		whole = *f
	}
	setDefaults(reflect.ValueOf(&whole).Elem())
	return whole
}

// line is where a key is written, or the nearest above it that is; 0 is nowhere.
func (f *File) line(key string) int {
	if f == nil {
		return 0
	}
	for key != "" {
		if at, ok := f.places[key]; ok {
			return at.line
		}
		key = key[:max(strings.LastIndexByte(key, '.'), 0)]
	}
	return 0
}

// BaselineLoosened says whether a baseline knows of findings that an earlier
// one does not, or lasts longer. Either may be nil.
func BaselineLoosened(before, now *policy.Baseline) (found []scan.Loosening) {
	if now == nil {
		return nil
	}
	known := map[string]int{}
	if before != nil {
		for stage, list := range before.Stages {
			for _, k := range list {
				known[stage+k.Fingerprint]++
			}
		}
	}
	more := 0
	for stage, list := range now.Stages {
		for _, k := range list {
			if known[stage+k.Fingerprint]--; known[stage+k.Fingerprint] < 0 {
				more++
			}
		}
	}
	if more > 0 || before != nil && now.Expires.After(before.Expires) {
		found = append(found, scan.Loosening{Path: BaselineName, Key: BaselineName, Message: fmt.Sprintf("the baseline lets %d findings more be, until %s", more, now.Expires.Format("2006-01-02"))})
	}
	return found
}
