package config

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// maxSuggested is the length of a key above which no other resembles it.
const maxSuggested = 40

// unknown says what is wrong with a key that is none of keys.
func unknown(key string, keys, later []string) string {
	if slices.Contains(later, key) {
		return fmt.Sprintf("%s is not supported yet by this version", quote(key))
	}
	if near, ok := nearest(key, keys); ok {
		return fmt.Sprintf("unknown key %s (did you mean %q?)", quote(key), near)
	}
	return fmt.Sprintf("unknown key %s (known: %s)", quote(key), join(slices.Sorted(slices.Values(keys)), " and "))
}

// nearest is the key that was most likely meant: the one that the fewest slips
// of a finger away, at most one for every three characters.
func nearest(word string, keys []string) (string, bool) {
	if len(word) > maxSuggested {
		return "", false
	}
	best, found := "", utf8.RuneCountInString(word)/3+1
	for _, k := range keys {
		if d := slips([]rune(word), []rune(k)); d < found {
			best, found = k, d
		}
	}
	return best, best != ""
}

// slips counts the insertions, deletions, changes and swaps of neighbours that
// turn a into b: the optimal string alignment distance.
func slips(a, b []rune) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			rows[i][j] = cell(rows, a, b, i, j)
		}
	}
	return rows[len(a)][len(b)]
}

func cell(rows [][]int, a, b []rune, i, j int) int {
	change := 1
	if a[i-1] == b[j-1] {
		change = 0
	}
	d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
	if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
		d = min(d, rows[i-2][j-2]+1)
	}
	return d
}
