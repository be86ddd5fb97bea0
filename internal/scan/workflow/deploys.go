package workflow

import (
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// movable matches tags that are meant to be moved.
var movable = lazily(`(?i)^(latest|main|master|trunk|dev|develop|stable|edge|nightly|staging|prod|production|release|current)$`)

// branchNamed matches what comes to the name of a branch or tag.
var branchNamed = lazily(`(?i)github\.(ref_name|head_ref|ref)\b|GITHUB_(REF_NAME|HEAD_REF|REF)\b|event\.release\.tag_name`)

// mutableDeploys tells of images that are deployed, or handed on, by a name that
// can come to mean another.
func (c *checker) mutableDeploys(w where) {
	for _, name := range deployInputs()[w.uses()] {
		if v := w.inputAt(name); v != nil {
			c.deployed(w, v.Pos, v.Value)
		}
	}
	if w.uses() == "docker/build-push-action" && w.input("push") == "true" {
		if v := w.inputAt("tags"); v != nil {
			c.pushed(w, v.Pos, strings.FieldsFunc(v.Value, func(r rune) bool { return r == '\n' || r == ',' }))
		}
	}
	r := w.run()
	if r == nil {
		return
	}
	var pushed []string
	var first *actionlint.Pos
	for _, cmd := range w.commands {
		words := cmd.meant
		for _, image := range deployedBy(words) {
			c.deployed(w, c.within(r.Run, cmd.offset), image)
		}
		if images := pushedBy(words); len(images) > 0 {
			if first == nil {
				first = c.within(r.Run, cmd.offset)
			}
			pushed = append(pushed, images...)
		}
	}
	c.pushed(w, first, pushed)
}

// deployInputs are the inputs of actions that name the image they deploy.
func deployInputs() map[string][]string {
	return map[string][]string{
		"google-github-actions/deploy-cloudrun":         {"image"},
		"azure/webapps-deploy":                          {"images"},
		"azure/container-apps-deploy-action":            {"imagetodeploy"},
		"azure/k8s-deploy":                              {"images"},
		"aws-actions/amazon-ecs-render-task-definition": {"image"},
	}
}

// deployedBy are the images that a command deploys.
func deployedBy(words []string) []string {
	line := strings.Join(words, " ")
	switch {
	case strings.HasPrefix(line, "gcloud run ") || strings.HasPrefix(line, "gcloud beta run "), strings.HasPrefix(line, "az containerapp "), strings.HasPrefix(line, "kubectl run "):
		if image, ok := option(words, "--image"); ok {
			return []string{image}
		}
	case strings.HasPrefix(line, "kubectl set image "):
		return assigned(words[3:])
	case strings.HasPrefix(line, "helm "):
		if set, ok := option(words, "--set"); ok && (strings.HasPrefix(set, "image.tag=") || strings.Contains(set, ".image.tag=")) {
			return []string{"image:" + set[strings.Index(set, "tag=")+len("tag="):]}
		}
	}
	return nil
}

// assigned are the images of arguments as container=image.
func assigned(words []string) (images []string) {
	for _, w := range words {
		if _, image, ok := strings.Cut(w, "="); ok && !strings.HasPrefix(w, "-") {
			images = append(images, image)
		}
	}
	return images
}

// pushedBy are the images that a command pushes.
func pushedBy(words []string) (images []string) {
	line := strings.Join(words, " ")
	switch {
	case strings.HasPrefix(line, "docker push ") || strings.HasPrefix(line, "podman push ") || strings.HasPrefix(line, "docker image push "):
		last := words[len(words)-1]
		if strings.ContainsAny(last, ":/$") {
			return []string{last}
		}
	case strings.HasPrefix(line, "docker ") && strings.Contains(line, "build") && strings.Contains(line, "--push"):
		for i, w := range words {
			if image, ok := strings.CutPrefix(w, "--tag="); ok {
				images = append(images, image)
			} else if (w == "-t" || w == "--tag") && i+1 < len(words) {
				images = append(images, words[i+1])
			}
		}
	}
	return images
}

func (c *checker) deployed(w where, at *actionlint.Pos, image string) {
	if tag := c.mutable(w, image); tag != "" {
		c.tell(found{mutableDeploy, sarif.High, at, w, image}, "%s is deployed by %s, so that what runs is not what was checked once somebody pushes again", clip(image), tag)
	}
}

// pushed tells of images that get no name but ones that are moved. Beside one
// that stays such a name is a convenience, and deploying it is another matter.
func (c *checker) pushed(w where, at *actionlint.Pos, images []string) {
	var moved, tag string
	for _, image := range images {
		image = strings.TrimSpace(image)
		switch t := c.mutable(w, image); {
		case image == "":
		case t == "" && moved == "":
			return
		case t == "":
			return
		case moved == "":
			moved, tag = image, t
		}
	}
	if moved != "" {
		c.tell(found{mutableDeploy, sarif.Medium, at, w, moved}, "%s is pushed by %s only, so that nothing can name this image once the next is pushed", clip(moved), tag)
	}
}

// mutable is what is wrong with the name of an image; "" when it names one image,
// or cannot be told.
func (c *checker) mutable(w where, image string) string {
	image = c.expand(w, image)
	if strings.Contains(image, "@sha256:") || strings.Contains(image, "@${") || image == "" {
		return ""
	}
	plain := anyValue().ReplaceAllStringFunc(image, func(v string) string {
		if branchNamed().MatchString(v) {
			return "BRANCH"
		}
		return "VALUE"
	})
	name := plain[strings.LastIndex(plain, "/")+1:]
	_, tag, tagged := strings.Cut(name, ":")
	switch {
	case strings.Contains(tag, "VALUE"):
		return ""
	case strings.Contains(tag, "BRANCH"):
		return "the name of a branch or tag"
	case tagged && movable().MatchString(tag):
		return "the tag " + tag
	case !tagged && !strings.Contains(name, "VALUE") && strings.Contains(plain, "/"):
		return "the tag latest (none is named)"
	}
	return ""
}

// anyValue matches an expression, or a variable of the shell.
var anyValue = lazily(`\$\{\{.*?\}\}|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_][A-Za-z0-9_]*`)

// ofVariable matches one, by its name, in a script and in an expression.
var ofVariable = lazily(`^\$\{\{\s*env\.([A-Za-z_][A-Za-z0-9_]*)\s*\}\}$|^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?$`)

// expand puts in the values of variables that the workflow sets.
func (c *checker) expand(w where, text string) string {
	for range 3 { // one may be made of others
		text = anyValue().ReplaceAllStringFunc(text, func(v string) string {
			m := ofVariable().FindStringSubmatch(v)
			if m == nil || len(text) > maxExpression {
				return v
			}
			for _, e := range w.envs(c) {
				for _, set := range vars(e) {
					if name := m[1] + m[2]; strings.EqualFold(set.Name.Value, name) {
						return set.Value.Value
					}
				}
			}
			return v
		})
	}
	return text
}
