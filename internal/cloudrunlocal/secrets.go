package cloudrunlocal

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// values are secrets by the environment variable that they are given as.
//
// A revision's are kept in control/secrets, in a file that only the supervisor's
// user can read, apart from its record: a supervisor that starts again, after the
// machine did, has nobody to ask for them.
type values map[string]string

// maxSecrets bounds the values of a revision together, bytes: they go over the
// control socket in one message.
const maxSecrets = 256 << 10

func checkSecrets(v values) error {
	size := 0
	for name, value := range v {
		if strings.ContainsRune(value, 0) {
			return hint.With(fmt.Errorf("the secret %s has a zero byte in it, which no environment can have", name), "encode it, as base64 for instance")
		}
		size += len(name) + len(value)
	}
	if size > maxSecrets {
		return hint.With(fmt.Errorf("the secrets have %d bytes, of %d at most", size, maxSecrets), "declare fewer or shorter ones")
	}
	return nil
}

// keepSecrets writes the values for a revision.
func (s state) keepSecrets(revision string, v values) error {
	if len(v) == 0 {
		return nil
	}
	return writeJSON(s.secretsOf(revision), v)
}

// secretsFor reads the values for a revision. All that its record names must be
// there.
func (s state) secretsFor(r record) (values, error) {
	if len(r.Secrets) == 0 {
		return nil, nil
	}
	var v values
	if err := readJSON(s.secretsOf(r.Name), &v); err != nil {
		return nil, fmt.Errorf("reading the secrets of %s: %w", r.Name, err)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(v)), r.Secrets) {
		return nil, hint.With(fmt.Errorf("the secrets of %s are not those that it was deployed with", r.Name), "deploy again")
	}
	return v, nil
}

// sameSecrets tells whether a revision was deployed with these values.
func sameSecrets(s state, revision string, v values) bool {
	var old values
	if err := readJSON(s.secretsOf(revision), &old); ignoreMissing(err) != nil {
		return false
	}
	return maps.Equal(old, v)
}

// pruneSecrets removes the values of revisions that are gone.
func (s *supervisor) pruneSecrets() error {
	s.mu.Lock() // a revision that is being made has its values first
	defer s.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(s.dir.secrets(), "*.json"))
	for _, file := range files {
		revision := s.dir.revision(strings.TrimSuffix(filepath.Base(file), ".json"))
		if _, statErr := os.Stat(revision); errors.Is(statErr, os.ErrNotExist) {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}
