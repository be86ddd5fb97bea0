package python

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/tool"
)

// noqa is a comment by which Flake8 looks away: from the file, from the line, or,
// when it names codes, from those.
//
// https://flake8.pycqa.org/en/latest/user/violations.html
func noqa() *regexp.Regexp {
	return regexp.MustCompile(`(?i)#(\s*flake8\s*[:=])?\s*noqa(:\s?[A-Z]+[0-9]+)?`)
}

// disarm has only those comments count that name what they switch off. It changes
// no line's length.
func disarm(text []byte) []byte {
	word := regexp.MustCompile(`(?i)noqa`)
	return noqa().ReplaceAllFunc(text, func(comment []byte) []byte {
		if m := noqa().FindSubmatch(comment); m[1] == nil && m[2] != nil {
			return comment
		}
		return word.ReplaceAll(comment, []byte("none"))
	})
}

// honourNoqa divides what Flake8 says into what counts and what comments switch
// off. Of the files in which there may be any of those, Flake8 itself says once
// more what it sees, with the comments that count.
func (c *check) honourNoqa(ctx context.Context, found tool.Found, all []violation) (told, hidden []violation, err error) {
	again, err := c.armed(all)
	if err != nil || len(again) == 0 {
		return all, nil, err
	}
	left, err := c.flake8(ctx, found, noqaFolder)
	if err != nil {
		return all, nil, err
	}
	left, caught := takePlantedStyle(left)
	left, examined := takeSeen(left)
	seen := map[string]bool{}
	for _, file := range examined {
		seen[file] = true
	}
	if slices.ContainsFunc(slices.Collect(maps.Keys(again)), func(file string) bool { return !seen[file] }) || len(caught) < len(plantedStyle()) {
		return all, nil, errors.New("asked once more about the files with noqa comments, Flake8 did not examine all of them")
	}
	count := map[violation]int{}
	for _, v := range left {
		count[v.place()]++
	}
	for _, v := range all {
		if again[v.file] && !v.broken() && count[v.place()] == 0 {
			hidden = append(hidden, v)
			continue
		}
		count[v.place()]--
		told = append(told, v)
	}
	return told, hidden, nil
}

// place is a violation without its text, which may be of what disarm has changed.
func (v violation) place() violation {
	v.text = ""
	return v
}

// noqaFolder has copies in which only those comments are left that count.
const noqaFolder = "noqa"

// armed makes that folder, of the files with violations and comments that count.
func (c *check) armed(all []violation) (again map[string]bool, err error) {
	again, asked := map[string]bool{}, map[string]bool{}
	for _, file := range c.copies.nul {
		asked[file] = true
	}
	for _, v := range all {
		if asked[v.file] {
			continue
		}
		asked[v.file] = true
		text, err := c.copies.text(v.file)
		if err != nil {
			return nil, err
		}
		if text = disarm(text); !noqa().Match(text) {
			continue
		}
		again[v.file] = true
		if err := c.copies.write(inNoqa(v.file), text); err != nil {
			return nil, err
		}
	}
	return again, errors.Join(c.copies.write(inNoqa(brokenAlias), disarm(plantedBroken)), c.copies.write(inNoqa(defectsAlias), disarm(plantedDefects)))
}

func inNoqa(alias string) string { return path.Join(noqaFolder, strings.TrimPrefix(alias, "code/")) }

// suppressed says how many findings comments switch off.
func suppressed(n int, by string) string {
	if n == 1 {
		return "1 finding suppressed in the code (" + by + ")"
	}
	return fmt.Sprintf("%d findings suppressed in the code (%s)", n, by)
}
