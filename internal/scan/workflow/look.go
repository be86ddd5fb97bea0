package workflow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// maxFindings bounds what is told of one file; a file with more has something
// else the matter.
const maxFindings = 500

// seen is what was seen of a repository's workflows.
type seen struct {
	root                    *os.Root
	listed, examined        []string
	steps, stepsExamined    int
	findings                []sarif.Finding
	unread                  error // why the first file that could not be examined was not
	unchecked, made, quiets int   // pins whose tags are not known here; local actions that are not there; settings that are not honoured
}

// look examines all workflows and actions, and the actions in other folders of
// the repository that they name.
func look(ctx context.Context, root *os.Root) (*seen, error) {
	names, err := list(root)
	if err != nil {
		return nil, err
	}
	s := &seen{root: root, listed: names}
	for i := 0; i < len(s.listed); i++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(s.listed) > maxFiles {
			return nil, fmt.Errorf("the repository has more than %d workflows and actions", maxFiles)
		}
		if err := s.file(s.listed[i]); err != nil {
			s.fault(s.listed[i], err)
		}
	}
	for _, name := range []string{settingsFile, settingsFileML} {
		if _, err := root.Lstat(filepath.FromSlash(name)); err == nil {
			s.quiets++
		}
	}
	return s, nil
}

// file examines one. What a library cannot bear is a fault of that file.
func (s *seen) file(name string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("examining it ended in a panic: %.200v", r)
		}
	}()
	text, err := read(s.root, name)
	if err != nil {
		return err
	}
	d, err := parse(name, text)
	if err != nil {
		return err
	}
	c := &checker{document: d}
	if err := c.run(); err != nil {
		return err
	}
	s.findings = append(s.findings, c.findings...)
	s.unchecked += c.unchecked
	s.steps, s.stepsExamined = s.steps+d.steps, s.stepsExamined+c.visited
	if c.visited != d.steps {
		return fmt.Errorf("only %d of its %d steps could be examined", c.visited, d.steps)
	}
	s.examined = append(s.examined, name)
	for _, folder := range c.local {
		s.follow(folder)
	}
	return nil
}

// follow adds the action of a folder to what is examined.
func (s *seen) follow(folder string) {
	name := actionIn(s.root, folder)
	switch {
	case name == "":
		s.made++
	case !slices.Contains(s.listed, name):
		s.listed = append(s.listed, name)
	}
}

// fault tells that a file could not be examined.
func (s *seen) fault(name string, err error) {
	line := 1
	var f *fault
	if errors.As(err, &f) {
		line = f.line
	}
	s.findings = append(s.findings, sarif.Finding{
		Rule: unreadable, Tool: tool, Stage: Stage, Severity: sarif.High,
		Message:  fmt.Sprintf("%s could not be examined: %v", path.Base(name), err),
		Location: sarif.Location{Path: name, Line: line}, Identity: name,
	})
	if s.unread == nil {
		s.unread = hint.With(fmt.Errorf("%s:%d: %w", name, line, err), "correct the file, or remove it")
	}
}

// report tells what was seen. top is that of the repository, from the root of
// findings' paths.
func (s *seen) report(top string) pipeline.Report {
	files, err := scan.Census("workflow files", s.listed, s.examined)
	if s.unread != nil {
		err = s.unread
	}
	r := pipeline.Report{Stage: Stage, Findings: s.findings, Examined: []pipeline.Count{files},
		Tools: []pipeline.Tool{{Name: tool}, {Name: linter, Version: actionlintIs}}}
	if s.steps > 0 {
		r.Examined = append(r.Examined, pipeline.Count{What: "steps", N: s.stepsExamined, Of: s.steps})
	}
	for i := range r.Findings {
		r.Findings[i].Location.Path = path.Join(top, r.Findings[i].Location.Path)
	}
	r.Rules = scan.Rules(rules(), r.Findings)
	if err != nil {
		r.NotRun, r.Remedy = err.Error(), hint.Remedy(err)
	}
	note := func(n int, format string) {
		if n > 0 {
			r.Notes = append(r.Notes, fmt.Sprintf(format, n))
		}
	}
	note(s.unchecked, "actions pinned by commits that were not compared with the tags beside them, which a run without a network cannot do: %d")
	note(s.made, "steps whose action is in a folder that the repository has not got, and was not examined: %d")
	note(s.quiets, "actionlint's settings files (.github/actionlint.yaml), which are not honoured (exceptions belong in sluice.yaml): %d")
	return r
}

// folderOf is the folder, from the repository's top, of an action or a workflow
// that is named by a path; ok is false of one that is not in it.
func folderOf(uses string) (folder string, ok bool) {
	rest, local := strings.CutPrefix(uses, "./")
	if !local || strings.Contains(rest, "${{") {
		return "", false
	}
	folder = path.Clean(rest)
	return folder, filepath.IsLocal(filepath.FromSlash(folder)) && !isYAML(folder)
}
