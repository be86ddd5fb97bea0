package workflow

import (
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

var (
	commitID = lazily(`^[0-9a-f]{40}$`)
	abridged = lazily(`^[0-9a-f]{7,39}$`)
	// digestPin is the end of an image's name that cannot come to mean another image.
	digestPin = lazily(`@sha256:[0-9a-f]{64}$`)
	// versionSaid matches a version in the comment beside a commit.
	versionSaid = lazily(`(?i)^\s*#.*?\bv?(\d+(?:\.\d+){0,2})\b`)
)

// known are commits of GitHub's own actions, by action and tag. No other pin can
// be compared with its tag without a network.
func known() map[string]map[string]string {
	return map[string]map[string]string{
		"actions/checkout":          {"7.0.1": "3d3c42e5aac5ba805825da76410c181273ba90b1"},
		"actions/upload-artifact":   {"7.0.0": "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f"},
		"actions/download-artifact": {"8.0.1": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"},
		"actions/cache":             {"5.0.5": "27d5ce7f107fe9357f9df03efb73ab90386fccae"},
		"actions/setup-go":          {"7.0.0": "b7ad1dad31e06c5925ef5d2fc7ad053ef454303e"},
	}
}

// pin tells of a step's action that may be another tomorrow.
func (c *checker) pin(w where) {
	e := w.action()
	if e == nil {
		return
	}
	if folder, ok := folderOf(e.Uses.Value); ok {
		c.local = append(c.local, folder)
	}
	c.pinned(w, e.Uses)
}

// pinsOf tells of a job's reusable workflow, and of the images that it is run
// in and beside.
func (c *checker) pinsOf(j *actionlint.Job) {
	w := where{job: j}
	if j.WorkflowCall != nil && j.WorkflowCall.Uses != nil {
		c.pinned(w, j.WorkflowCall.Uses)
	}
	if j.Container != nil {
		c.container(w, j.Container.Image)
	}
	if j.Services == nil {
		return
	}
	for _, s := range j.Services.Value {
		if s.Container != nil {
			c.container(w, s.Container.Image)
		}
	}
}

// pinned tells of what is used by a name that its owner can move.
func (c *checker) pinned(w where, uses *actionlint.String) {
	name, ref, _ := strings.Cut(uses.Value, "@")
	image, docker := strings.CutPrefix(uses.Value, "docker://")
	f := found{unpinned, sarif.High, uses.Pos, w, name}
	switch {
	case strings.HasPrefix(uses.Value, "./") || strings.HasPrefix(uses.Value, ".\\"):
	case docker:
		if !digestPin().MatchString(image) {
			f.detail = image
			c.tell(f, "the image %s is not named by its digest: what is behind the name can be changed at any time", image)
		}
	case commitID().MatchString(ref):
		c.tag(w, uses, name, ref)
	case abridged().MatchString(ref):
		c.tell(f, "%s is named by a part of a commit (%s), which GitHub takes for a branch or a tag", name, ref)
	default:
		if owner, _, _ := strings.Cut(name, "/"); owner == "actions" || owner == "github" {
			f.severity = sarif.Medium // who can move it can do worse
		}
		c.tell(f, "%s is named by %q, which its owner, or whoever takes the account over, can move to other code", name, ref)
	}
}

// container tells of an image that may be another tomorrow. Its registry is not
// an action's author, and a project's builds often want the newest.
func (c *checker) container(w where, image *actionlint.String) {
	if image == nil || image.Value == "" || strings.Contains(image.Value, "${{") || digestPin().MatchString(image.Value) {
		return
	}
	c.tell(found{imageUnpinned, sarif.Low, image.Pos, w, image.Value}, "the job uses the image %s, which is not named by its digest", image.Value)
}

// tag compares a commit with the tag in the comment beside it, as far as it is known.
func (c *checker) tag(w where, uses *actionlint.String, name, commit string) {
	_, comment, _ := strings.Cut(c.line(uses.Pos.Line), commit)
	said := versionSaid().FindStringSubmatch(strings.Trim(comment, `"'`))
	if said == nil {
		return
	}
	tags := known()[strings.ToLower(name)]
	for version, id := range tags {
		same := version == said[1] || strings.HasPrefix(version, said[1]+".")
		switch {
		case id == commit && same:
			return
		case id == commit || version == said[1]:
			f := found{tagMismatch, sarif.High, uses.Pos, w, name}
			if id == commit {
				f.severity = sarif.Medium // the comment was forgotten
			}
			c.tell(f, "the comment says that %s is version %s, and its commit %.12s is not: %s is %.12s", name, said[1], commit, version, id)
			return
		}
	}
	c.unchecked++
}

// imageAction tells of an action that is an image.
func (c *checker) imageAction() {
	if image, ok := strings.CutPrefix(c.image.Value, "docker://"); ok && !digestPin().MatchString(image) {
		c.tell(found{unpinned, sarif.High, c.image.Pos, where{}, image}, "the image %s is not named by its digest: what is behind the name can be changed at any time", image)
	}
}
