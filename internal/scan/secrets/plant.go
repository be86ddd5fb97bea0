package secrets

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
)

// plantedPath is where the self-test's secret is said to be, plantedLine the
// line that it is on.
const (
	plantedPath = "planted/settings.env"
	plantedLine = 2
)

// errBlind is what a scan ends with that did not find what was planted.
var errBlind = errors.New("the self-test's secret was not found, so that nothing else was proves nothing")

// planted is a secret that was never used anywhere, made for one run: a scan
// that does not find it does not work.
type planted struct{ secret, text string }

// newPlanted makes a key like those of AWS. Its letters all differ, for rules
// pass over keys of little entropy.
func newPlanted() planted {
	letters := []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
	random := make([]byte, len(letters))
	rand.Read(random) // never fails
	order := make([]int, len(letters))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(random[a]) - int(random[b]) })
	key := []byte("AKIA")
	for _, i := range order[:16] {
		key = append(key, letters[i])
	}
	return planted{secret: string(key), text: fmt.Sprintf("# settings\nkey = %q\n", key)}
}

// selfTest proves that the rules, as this run uses them, find a secret in a
// file. The history's own proof is a commit planted in it.
func (s *search) selfTest(ctx context.Context) error {
	leaks, err := s.engine.scan(ctx, plantedPath, s.planted.text, []span{{0, len(s.planted.text)}})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(leaks, s.planted.is) {
		return errBlind
	}
	return nil
}

func (p planted) is(l leak) bool {
	return l.secret == p.secret && l.path == plantedPath && l.line == plantedLine
}
