package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// LocalTarget is the name of the target on this machine.
const LocalTarget = "local"

// Pipeline is what is to be run: the file and what was detected, merged and
// validated.
type Pipeline struct {
	// Service has all but Version, CacheDir and Tools, which are not the service's.
	Service scan.Service
	Policy  policy.Policy
	Root    Root
	Written *File    // sluice.yaml as it was written; nil when there is none
	File    string   // the sluice.yaml that was read, absolute; "" when there is none
	Notes   []string // facts worth a line to the user
}

// Read makes the pipeline for a folder: it finds the root, reads its
// sluice.yaml if there is one, and detects the rest.
func Read(dir string) (Pipeline, error) {
	root, err := FindRoot(dir)
	if err != nil {
		return Pipeline{}, err
	}
	f, err := Load(root.Dir)
	if err != nil {
		return Pipeline{}, err
	}
	return Merge(root, f)
}

// Merge makes the pipeline of a root and its file, which may be nil.
//
// The service is in the file's "path", or in the root when it names none;
// without a file, it is the folder that was asked for.
func Merge(root Root, f *File) (Pipeline, error) {
	p := Pipeline{Root: root, Written: f, Service: scan.Service{Root: root.Dir, Dir: root.Start, GitTop: root.Git, Target: LocalTarget}}
	if f == nil {
		f = &File{}
	} else {
		p.File = filepath.Join(root.Dir, Name)
		p.Service.Dir = filepath.Join(root.Dir, filepath.FromSlash(f.Path))
		if err := another(root, p.Service.Dir); err != nil {
			return Pipeline{}, err
		}
	}
	full := f.whole()
	if err := p.detect(&full); err != nil {
		return Pipeline{}, err
	}
	p.Service.Options = options(root.Dir, &full)
	p.Policy = policy.Policy{Gates: gates(full.Gates), Exceptions: exceptions(full.Exceptions)}
	return p, nil
}

// Govern has the file of an earlier commit decide in place of this one's: the
// gates and exceptions, what the tests must cover, and where the vulnerability
// data comes from, a folder being below root. It may be nil, which is a file
// without a key. The service gets only those secrets that it got before: whoever
// names another would be given it from the environment of whoever runs this.
func (p *Pipeline) Govern(by *File, root string) {
	rules := by.whole()
	is := options(root, &rules)
	o := &p.Service.Options
	o.LintIgnore, o.Licenses, o.Coverage, o.VulnDB, o.TrivyDB = is.LintIgnore, is.Licenses, is.Coverage, is.VulnDB, is.TrivyDB
	o.Secrets = maps.Clone(o.Secrets)
	maps.DeleteFunc(o.Secrets, func(variable, name string) bool { return rules.Secrets[variable] != name })
	p.Policy = policy.Policy{Gates: gates(rules.Gates), Exceptions: exceptions(rules.Exceptions)}
}

// another is the error of asking for a module that the file is not about.
func another(root Root, dir string) error {
	if root.Start == root.Dir || within(dir, root.Start) || !isModule(root.Start) {
		return nil
	}
	return hint.With(fmt.Errorf("the folder %s is a Go module of its own, but %s is about %s", root.Start, filepath.Join(root.Dir, Name), dir),
		"write a "+Name+" in that folder, or run the one above from its own folder")
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// detect fills in what the service's files say.
func (p *Pipeline) detect(f *File) error {
	d, err := Detect(p.Service.Dir)
	if err != nil {
		return p.enclosing(err)
	}
	s := &p.Service
	s.Dir, s.GoModule, s.Python, s.Name = d.Dir, d.GoModule, d.IsPython(), f.Service
	if s.Name == "" {
		s.Name = d.Name
	}
	if s.Name == "" {
		from := "module path " + d.GoModule
		if d.GoModule == "" {
			from = "folder's name " + filepath.Base(d.Dir)
		}
		return hint.With(fmt.Errorf("the %s yields no name for the service", from), "write one in "+Name+", as service: todo")
	}
	if len(d.Python) > 0 && !s.Python {
		p.Notes = append(p.Notes, fmt.Sprintf("Python is not examined, as there is no %s: %s", join(pythonProjects, " or "), choiceOf(d.Python)))
	}
	if d.GoModule == "" && f.Build.Main != "" {
		return wrong(Errors{f.fault("build.main", `"main" names a folder of a Go module, and there is no go.mod`)})
	}
	if d.GoModule == "" {
		return nil
	}
	if s.Main, err = d.Command(s.Name, f.Build.Main); err != nil && f.Build.Main != "" {
		return wrong(Errors{f.fault("build.main", `"main" %v`, err)})
	}
	return err
}

// enclosing adds to an error about a folder that is no module what is known of
// the folders above it: a command of a module is no module.
func (p *Pipeline) enclosing(err error) error {
	for at := p.Service.Dir; at != p.Service.Root; {
		at = filepath.Dir(at)
		if !within(p.Service.Root, at) {
			return err
		}
		if rel, relErr := filepath.Rel(at, p.Service.Dir); relErr == nil && isModule(at) {
			return hint.With(errors.New(err.Error()), fmt.Sprintf("%s is part of the Go module in %s: name that folder, and write build: {main: %s} in its %s", rel, at, filepath.ToSlash(rel), Name))
		}
	}
	return err
}

// setDefaults sets what is absent to the defaults of the fields' tags.
func setDefaults(v reflect.Value) {
	fields, _ := fieldsOf(v.Type())
	for _, f := range fields {
		at := v.Field(f.index)
		switch {
		case f.typ.Kind() == reflect.Struct:
			setDefaults(at)
		case f.def == "" || !at.IsZero():
		case f.typ == durationType:
			d, _ := parseDuration(f.def) // that every default is valid, a test sees to
			at.SetInt(int64(d))
		case f.typ.Kind() == reflect.Int:
			n, _ := strconv.Atoi(f.def)
			at.SetInt(int64(n))
		default:
			at.SetString(f.def)
		}
	}
}

func options(root string, f *File) scan.Options {
	return scan.Options{
		LintIgnore: f.Gates.Lint.Ignore,
		Licenses:   scan.Licenses{Allow: f.Gates.Licenses.Allow, Deny: f.Gates.Licenses.Deny},
		VulnDB:     vulnDB(root, f.VulnDB),
		TrivyDB:    trivyDB(root, f.TrivyDB),
		Coverage:   f.Test.Coverage,
		Services:   f.Test.Services,
		TestLimit:  f.Test.Timeout.String(),
		Env:        f.Env,
		Secrets:    f.Secrets,
		Port:       f.Targets.Local.Port,
	}
}

// DefaultGates are the gates of a service whose configuration sets none.
func DefaultGates() policy.Gates {
	var none *File
	f := none.whole()
	return gates(f.Gates)
}

// gates are the gates by the names of their stages, which are their keys. The
// image's known vulnerabilities are held to what those of deps are.
func gates(g Gates) policy.Gates {
	m := policy.Gates{}
	v := reflect.ValueOf(g)
	fields, _ := fieldsOf(v.Type())
	for _, f := range fields {
		m[f.key] = gate(v.Field(f.index).FieldByName("Fail").String())
	}
	deps, image := m["deps"], m["image-scan"]
	deps.MaxAge = g.Deps.MaxAge
	image.MaxAge, image.Reach = deps.MaxAge, deps.Reach
	m["deps"], m["image-scan"] = deps, image
	return m
}

func exceptions(written []Exception) (xs policy.Exceptions) {
	for _, x := range written {
		xs = append(xs, x.Policy())
	}
	return xs
}

// gate reads a "fail" value, which is one of the fields' enums.
func gate(fail string) policy.Gate {
	switch reach := sarif.Reach(fail); {
	case fail == "never":
		return policy.Gate{Never: true}
	case fail == "any":
		return policy.Gate{}
	case reach == sarif.Reachable || reach == sarif.Imported || reach == sarif.Required:
		return policy.Gate{Reach: reach}
	}
	severity, err := sarif.ParseSeverity(fail)
	if err != nil {
		severity = 0 // the strictest; no enum has such a value
	}
	return policy.Gate{Fail: severity}
}
