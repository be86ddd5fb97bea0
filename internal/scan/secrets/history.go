package secrets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// commitsAtATime is for how many commits git is asked what they changed: so
// many that starting it costs nothing, so few that the answer fits in memory.
const commitsAtATime = 1000

// theEnd is asked after the last commit: git gives back what names no commit,
// and so shows that it broke off nowhere before.
const theEnd = "the end\n"

// batchSize is how many changes a worker takes at a time: neighbours, as a
// file's new version is the old one of its next change.
const batchSize = 64

// change is a file that is new in a commit, or has become another.
type change struct {
	commit int // index in the list of commits
	path   string
	blob   string
	older  []string // the versions of the parents
}

// history scans what the commits of a repository added.
type history struct {
	search  *search
	mirror  mirror
	commits []string // all of them, oldest first, the planted one among them
	planted string
	others  int // references to something that is no commit

	todo    []int // indexes of the commits that are not known to be clean
	seen    int   // commits that are, and those whose changes git named
	changes chan []change
	listed  atomic.Int64 // changes that git named
	scanned atomic.Int64 // and that were looked into, or spared, or too large
	spared  atomic.Int64
	large   atomic.Int64
	modules atomic.Int64 // changes of submodules, which have histories of their own

	mu    sync.Mutex
	dirty map[int]bool
}

// scanHistory scans all commits but those remembered as clean.
func (s *search) scanHistory(ctx context.Context) (*history, error) {
	if err := s.repo.incomplete(); err != nil {
		return nil, err
	}
	if len(s.tips) == 0 {
		return nil, nil // nothing was committed yet
	}
	h := &history{search: s, changes: make(chan []change), dirty: map[int]bool{}}
	err := h.prepare(ctx)
	if err == nil {
		err = h.scan(ctx)
	}
	if err == nil {
		err = s.blind()
	}
	// The mirror is no output of the stage.
	if removeErr := os.RemoveAll(h.mirror.dir); err == nil && removeErr != nil {
		err = fmt.Errorf("removing the mirror of the repository: %w", removeErr)
	}
	if err != nil {
		return nil, err
	}
	h.remember()
	return h, nil
}

// prepare lists the commits, and among them the self-test's.
func (h *history) prepare(ctx context.Context) (err error) {
	h.mirror, err = newMirror(*h.search.repo, filepath.Join(h.search.task.Out, "mirror.git"), len(h.search.tips[0]))
	if err != nil {
		return err
	}
	h.search.plant(inCommit)
	if h.planted, err = h.mirror.plant(ctx, h.search.plants); err != nil {
		return err
	}
	h.commits, h.others, err = h.mirror.commits(ctx, append([]string{h.planted}, h.search.tips...))
	if err != nil {
		return err
	}
	h.search.commits = h.commits
	for i, id := range h.commits {
		if !h.search.cleanCommits.has(commitDigest(id)) {
			h.todo = append(h.todo, i)
		}
	}
	h.seen = len(h.commits) - len(h.todo)
	return nil
}

func commitDigest(id string) digest { return sha256.Sum256([]byte(id)) }

// scan has git name the changes while the workers look into them.
func (h *history) scan(ctx context.Context) error {
	workers := runtime.GOMAXPROCS(0)
	err := crew(ctx, workers+1, func(ctx context.Context, worker int) error {
		if worker == workers {
			defer close(h.changes)
			return h.list(ctx)
		}
		return h.work(ctx)
	})
	if err != nil {
		return fmt.Errorf("scanning the history: %w", err)
	}
	if h.scanned.Load() != h.listed.Load() {
		return fmt.Errorf("scanning the history: %d changes were listed and %d looked at", h.listed.Load(), h.scanned.Load())
	}
	return nil
}

// list runs git on the commits to do, some at a time, and sends their changes
// on. What git prints is taken in whole: a git that has to wait for the workers
// would be given up as hanging.
func (h *history) list(ctx context.Context) error {
	done := 0
	for ids := range slices.Chunk(h.todo, commitsAtATime) {
		out, err := h.mirror.output(ctx, h.names(ids)+theEnd,
			"diff-tree", "--stdin", "-r", "-c", "--root", "--raw", "-z", "--no-renames", "--no-abbrev", "--always")
		if err != nil {
			return fmt.Errorf("listing changes: %w", err)
		}
		changes, err := h.parse(out, ids)
		if err != nil {
			return damaged(fmt.Errorf("listing changes: %w", err))
		}
		h.seen += len(ids)
		h.search.task.Progress(fmt.Sprintf("reading history: %d of %d commits", done, len(h.todo)))
		if err := h.send(ctx, changes); err != nil {
			return err
		}
		done += len(ids)
	}
	return nil
}

// names are commits as git reads them from its input.
func (h *history) names(indexes []int) string {
	var b strings.Builder
	for _, i := range indexes {
		b.WriteString(h.commits[i] + "\n")
	}
	return b.String()
}

// parse reads git's raw format: the name of a commit, then for each change its
// description and its path, all ended by NUL. Every commit that was asked for
// must be there, in order: git passes over one that it cannot read.
func (h *history) parse(out string, asked []int) ([]change, error) {
	var changes []change
	seen := 0
	out, ok := strings.CutSuffix(out, theEnd)
	if !ok {
		return nil, io.ErrUnexpectedEOF
	}
	for out != "" {
		token, rest, ok := strings.Cut(out, "\x00")
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		out = rest
		if !strings.HasPrefix(token, ":") {
			if seen == len(asked) || token != h.commits[asked[seen]] {
				return nil, fmt.Errorf("git answered %q where a commit was expected", token)
			}
			seen++
			continue
		}
		path, rest, ok := strings.Cut(out, "\x00")
		if !ok || seen == 0 {
			return nil, io.ErrUnexpectedEOF
		}
		out = rest
		c, err := h.change(asked[seen-1], token, path) // #nosec G602 -- seen is between 1 and len(asked)
		if err != nil {
			return nil, err
		}
		if c.blob != "" {
			changes = append(changes, c)
		}
	}
	if seen != len(asked) {
		return nil, fmt.Errorf("git showed %d of %d commits", seen, len(asked))
	}
	return changes, nil
}

// change reads a description: as many colons as parents, the modes of the
// parents and the new one, the objects likewise, the kinds of change. A change
// without a blob is of no interest: a file was deleted, or is a submodule.
func (h *history) change(commit int, description, path string) (change, error) {
	meta := strings.TrimLeft(description, ":")
	parents := len(description) - len(meta)
	f := strings.Fields(meta)
	if len(f) != 2*parents+3 {
		return change{}, fmt.Errorf("git described a change by %q", description)
	}
	mode, objects := f[parents], f[parents+1:2*parents+2]
	c := change{commit: commit, path: path}
	switch mode {
	case "000000":
		return c, nil
	case "160000":
		h.modules.Add(1)
		return c, nil
	}
	c.blob = objects[parents]
	for i, id := range objects[:parents] {
		if strings.Trim(id, "0") != "" && f[i] != "160000" {
			c.older = append(c.older, id)
		}
	}
	return c, nil
}

// send gives changes to whichever workers are free.
func (h *history) send(ctx context.Context, changes []change) error {
	h.listed.Add(int64(len(changes)))
	for batch := range slices.Chunk(changes, batchSize) {
		select {
		case h.changes <- batch:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// work scans changes until there are no more.
func (h *history) work(ctx context.Context) (err error) {
	var b *blobs
	defer func() {
		if b != nil {
			err = cmp.Or(err, b.close())
		}
	}()
	for batch := range h.changes {
		if b == nil { // not before, as there may be nothing to do
			if b, err = openBlobs(ctx, h.mirror); err != nil {
				return err
			}
		}
		for _, c := range batch {
			if err := h.look(ctx, b, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// look scans what one change added.
func (h *history) look(ctx context.Context, b *blobs, c change) error {
	defer h.scanned.Add(1)
	if h.search.engine.spares(c.path) {
		h.spared.Add(1)
		return nil
	}
	text, parts, err := h.additions(b, c)
	if err != nil {
		return err
	}
	leaks, err := h.search.engine.scan(ctx, c.path, text, parts)
	if h.commits[c.commit] == h.planted {
		h.search.catch(inCommit, leaks)
		return err
	}
	if len(leaks) > 0 {
		h.mu.Lock()
		h.dirty[c.commit] = true
		h.mu.Unlock()
	}
	return cmp.Or(h.search.add(c.commit, leaks), err)
}

// additions returns a file's new version and where it differs from the old.
func (h *history) additions(b *blobs, c change) (string, []span, error) {
	text, err := b.read(c.blob)
	if errors.Is(err, errTooLarge) {
		h.large.Add(1)
		h.search.log("left out, over %d MiB: %q in commit %s", maxFile>>20, c.path, h.commits[c.commit])
		return "", []span{{}}, nil // its name still counts
	}
	if err != nil {
		return "", nil, err
	}
	var older []string
	for _, id := range c.older {
		old, err := b.read(id)
		if err != nil && !errors.Is(err, errTooLarge) {
			return "", nil, err
		}
		older = append(older, old) // of one too large nothing is known: all lines are new
	}
	return text, added(text, older), nil
}

// remember adds the commits that held nothing to those that are clean.
func (h *history) remember() {
	for _, i := range h.todo {
		if !h.dirty[i] && h.commits[i] != h.planted {
			h.search.cleanCommits.add(commitDigest(h.commits[i]))
		}
	}
}
