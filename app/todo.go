// Package todo is a to-do list: what an item is, what may be written on one,
// and what can go wrong with a list. It knows neither HTTP nor a database.
package todo

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText is how long an item's text may be, in characters (code points).
const MaxText = 200

// PageSize is how many items a page of a list has at most.
const PageSize = 100

// ListID names a list: that of one visitor, or with "" the single list that
// rows of a table older than visitors' lists belong to.
type ListID string

// Item is one thing to do.
type Item struct {
	ID       int64
	Text     string
	Complete bool
}

// Show says which of a list's items are asked for.
type Show string

// The items that can be asked for.
const (
	ShowAll  Show = ""
	ShowOpen Show = "open"
	ShowDone Show = "done"
)

// Query asks for a page of a list.
type Query struct {
	Show   Show
	Before int64 // items with smaller ids; 0 for the newest
}

// Counts are how many items a list has. A count stops at PageSize+1, which
// says that there are more than PageSize: counting on would make the pages of
// a long list slow.
type Counts struct {
	Open, Done int
}

// Page is a part of a list, newest item first.
type Page struct {
	Items  []Item
	Older  int64  // the id to ask the next page with; 0 when there is none
	Counts Counts // of the whole list
}

// The ways in which a text is refused, and a list refuses.
var (
	ErrBlank    = errors.New("the text is blank")
	ErrTooLong  = errors.New("the text is too long")
	ErrNotText  = errors.New("the text has bytes or control characters that are no text")
	ErrNotFound = errors.New("no such item on this list")
	ErrListFull = errors.New("the list is full")
)

// Lists keeps lists. An item of another list is as unknown as one that was
// never there. Every error other than those named here means that the lists
// are out of reach for the moment. Once a call that changes a list has
// returned without an error, the change is on disk.
type Lists interface {
	// Page returns a page of a list. A list that nobody wrote on is empty.
	Page(ctx context.Context, list ListID, q Query) (Page, error)
	// Add puts a text, cleaned by [CleanText], on the list. ErrListFull.
	Add(ctx context.Context, list ListID, text string) (Item, error)
	// Complete marks an item as done; one that is done stays so. ErrNotFound.
	Complete(ctx context.Context, list ListID, id int64) error
	// Reopen marks an item as not done; one that is open stays so. ErrNotFound.
	Reopen(ctx context.Context, list ListID, id int64) error
	// Edit replaces the text of an item by one cleaned by [CleanText]. ErrNotFound.
	Edit(ctx context.Context, list ListID, id int64, text string) error
	// Delete removes an item. ErrNotFound.
	Delete(ctx context.Context, list ListID, id int64) error
	// ClearCompleted removes the items that are done and returns how many they were.
	ClearCompleted(ctx context.Context, list ListID) (int64, error)
	// Ping tells whether the lists are within reach.
	Ping(ctx context.Context) error
}

// CleanText returns a text without the space around it. The error is ErrBlank,
// ErrTooLong or ErrNotText.
func CleanText(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", ErrNotText
	}
	s = strings.TrimSpace(s)
	switch {
	case strings.IndexFunc(s, visible) < 0:
		return "", ErrBlank
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", ErrNotText
	case utf8.RuneCountInString(s) > MaxText:
		return "", ErrTooLong
	}
	return s, nil
}

// visible is false for what leaves no mark on a page: spaces, and format
// characters such as the zero-width space. Control characters count as marks,
// since a text of them is not blank but no text.
func visible(r rune) bool {
	return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r)
}
