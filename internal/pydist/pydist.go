// Package pydist reads what installers leave of Python's distributions: core
// metadata (packaging.python.org, "Core metadata specifications") in folders as the
// specification "Recording installed projects" has them, and in setuptools' older eggs.
package pydist

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// Distribution is what is known of one by its metadata.
type Distribution struct {
	Name, Version string // as they are written
	Requires      []Requirement

	Expression  string // License-Expression, of SPDX (PEP 639)
	License     string // in words, or a whole text
	Classifiers []string
	Files       []string // License-File
}

// Requirement is on another distribution.
type Requirement struct {
	Name  string // normalised
	Extra bool   // only for who asks for more than the distribution itself
}

// MaxText bounds a file of metadata, bytes. A description may be in it.
const MaxText = 16 << 20

// maxFields bounds how many fields of each kind are kept.
const maxFields = 10_000

// Folder is the folder that belongs to a distribution by its name, in or at which a
// file or folder is; "" is none. Names are compared as importlib does, whatever their
// case. A file may have the name of an egg's folder, and is then all there is.
func Folder(name string) string {
	for dir := name; dir != "/" && dir != "."; dir = path.Dir(dir) {
		if base := strings.ToLower(path.Base(dir)); strings.HasSuffix(base, ".dist-info") || strings.HasSuffix(base, ".egg-info") || base == "egg-info" {
			return dir
		}
	}
	return ""
}

// IsMetadata tells whether a file has the metadata of a distribution.
func IsMetadata(name string) bool {
	folder := Folder(name)
	lower := strings.ToLower(folder)
	switch {
	case folder == "":
		return false
	case folder == name:
		return strings.HasSuffix(lower, ".egg-info")
	case path.Dir(name) != folder:
		return false
	}
	base := path.Base(name)
	return base == "METADATA" && !strings.HasSuffix(lower, "/egg-info") || base == "PKG-INFO" && !strings.HasSuffix(lower, ".dist-info")
}

// What a name and a version may be (PEP 508, and PEP 440 with what was allowed before).
var (
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,200}[A-Za-z0-9])?$`)
	versionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.!+_*-]{0,200}$`)
	separators  = regexp.MustCompile(`[-_.]+`)
	requirement = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)([^;]*)(;.*)?$`)
	extraMarker = regexp.MustCompile(`\bextra\b`)
)

// Normalise is a distribution's one name (PEP 503).
func Normalise(name string) string { return strings.ToLower(separators.ReplaceAllString(name, "-")) }

// Parse reads metadata. It is an error if that does not say once what it is of.
func Parse(text []byte) (d Distribution, err error) {
	if len(text) > MaxText {
		return d, fmt.Errorf("it has more than %d bytes", MaxText)
	}
	err = fields(text, d.add)
	switch {
	case err != nil:
		return d, err
	case !nameForm.MatchString(d.Name):
		return d, fmt.Errorf("%.100q is no name", d.Name)
	case !versionForm.MatchString(d.Version):
		return d, fmt.Errorf("%.100q is no version", d.Version)
	}
	return d, nil
}

// add notes one field. Their names are compared whatever their case.
func (d *Distribution) add(name, value string) error {
	switch strings.ToLower(name) {
	case "name":
		return once(&d.Name, value)
	case "version":
		return once(&d.Version, value)
	case "license-expression":
		return once(&d.Expression, value)
	case "license":
		d.License = value
	case "classifier":
		return keep(&d.Classifiers, value)
	case "license-file":
		return keep(&d.Files, value)
	case "requires-dist":
		if r := requirement.FindStringSubmatch(value); r != nil {
			return keep(&d.Requires, Requirement{Name: Normalise(r[1]), Extra: extraMarker.MatchString(r[3])})
		}
	}
	return nil
}

func once(field *string, value string) error {
	if *field != "" && *field != value {
		return fmt.Errorf("it says both %.100q and %.100q of itself", *field, value)
	}
	*field = value
	return nil
}

func keep[T any](list *[]T, value T) error {
	if *list = append(*list, value); len(*list) > maxFields {
		return fmt.Errorf("it has more than %d fields of a kind", maxFields)
	}
	return nil
}

// fields hands out the fields of a header (RFC 822, 3.1): up to an empty line, each
// in a line and in those after it that begin with a space. What is no field is passed
// over: setuptools once broke off long texts without such spaces.
func fields(text []byte, each func(name, value string) error) error {
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, MaxText+1)
	var name string
	var value strings.Builder
	end := func() error {
		if name == "" {
			return nil
		}
		err := each(name, strings.TrimSpace(value.String()))
		name = ""
		value.Reset()
		return err
	}
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" {
			break
		}
		if line[0] == ' ' || line[0] == '\t' {
			if name != "" {
				value.WriteString("\n" + strings.TrimPrefix(strings.TrimSpace(line), "|"))
			}
			continue
		}
		if err := end(); err != nil {
			return err
		}
		if before, after, ok := strings.Cut(line, ":"); ok && !strings.ContainsAny(before, " \t") {
			name = before
			value.WriteString(after)
		}
	}
	return errors.Join(lines.Err(), end())
}
