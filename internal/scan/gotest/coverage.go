package gotest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
)

// Bounds on a coverage profile: bytes, and blocks of statements.
const (
	maxProfile = 1 << 30
	maxBlocks  = 10_000_000
)

// covered counts statements.
type covered struct {
	all, run int
	packages map[string]bool // those that have any
}

// reaches tells whether at least some percent of the statements are run.
func (c covered) reaches(percent int) bool { return c.run*100 >= percent*c.all }

// String is the percentage, never rounded up to one that was not reached.
func (c covered) String() string {
	if c.all == 0 {
		return "0.0"
	}
	tenths := c.run * 1000 / c.all
	return fmt.Sprintf("%d.%d", tenths/10, tenths%10)
}

// readProfile counts a coverage profile's statements.
func readProfile(file string) (covered, error) {
	f, err := os.Open(file)
	if err != nil {
		return covered{}, err
	}
	defer f.Close()
	c, err := countStatements(io.LimitReader(f, maxProfile))
	if err != nil {
		return c, fmt.Errorf("reading the coverage profile: %w", err)
	}
	return c, nil
}

// block is a line of a profile: "file.go:1.2,3.4 statements count". The same
// one can occur more than once; it is run if any says so.
type block struct {
	statements int
	run        bool
}

func countStatements(r io.Reader) (c covered, err error) {
	blocks := map[string]block{}
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		if strings.HasPrefix(s.Text(), "mode: ") {
			continue
		}
		where, b, err := readBlock(s.Text())
		if err != nil {
			return c, fmt.Errorf("line %d: %w", n, err)
		}
		b.run = b.run || blocks[where].run
		if blocks[where] = b; len(blocks) > maxBlocks {
			return c, fmt.Errorf("it has more than %d blocks", maxBlocks)
		}
	}
	c.packages = map[string]bool{}
	for where, b := range blocks {
		c.packages[path.Dir(where)] = true
		c.all += b.statements
		if b.run {
			c.run += b.statements
		}
	}
	return c, s.Err()
}

func readBlock(line string) (where string, b block, err error) {
	fields := strings.Fields(line)
	if len(fields) < 3 {
		return "", b, fmt.Errorf("%q is no block", line)
	}
	counts := fields[len(fields)-2:]
	if b.statements, err = strconv.Atoi(counts[0]); err != nil || b.statements < 0 || b.statements > 1<<20 {
		return "", b, fmt.Errorf("%q is no number of statements", counts[0])
	}
	b.run = counts[1] != "0"
	return strings.Join(fields[:len(fields)-2], " "), b, nil
}
