// Package memory keeps lists in the memory of the process, for tests and for
// measuring what a database costs.
package memory

import (
	"context"
	"slices"
	"sync"

	todo "github.com/sluice-ci/sluice/app"
)

// Lists is a [todo.Lists] that is gone with the process. The zero value is ready.
type Lists struct {
	mu    sync.RWMutex
	last  int64
	lists map[todo.ListID][]todo.Item // oldest first
}

var _ todo.Lists = (*Lists)(nil)

// Page implements [todo.Lists].
func (l *Lists) Page(_ context.Context, list todo.ListID, q todo.Query) (p todo.Page, _ error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, i := range slices.Backward(l.lists[list]) {
		if i.Complete {
			p.Counts.Done = min(p.Counts.Done+1, todo.PageSize+1)
		} else {
			p.Counts.Open = min(p.Counts.Open+1, todo.PageSize+1)
		}
		wanted := q.Show == todo.ShowAll || (q.Show == todo.ShowDone) == i.Complete
		switch {
		case !wanted || q.Before != 0 && i.ID >= q.Before:
		case len(p.Items) < todo.PageSize:
			p.Items = append(p.Items, i)
		default:
			p.Older = p.Items[todo.PageSize-1].ID
		}
	}
	return p, nil
}

// Add implements [todo.Lists]; no list is ever full.
func (l *Lists) Add(_ context.Context, list todo.ListID, text string) (todo.Item, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	if l.lists == nil {
		l.lists = map[todo.ListID][]todo.Item{}
	}
	item := todo.Item{ID: l.last, Text: text}
	l.lists[list] = append(l.lists[list], item)
	return item, nil
}

// Complete implements [todo.Lists].
func (l *Lists) Complete(_ context.Context, list todo.ListID, id int64) error {
	return l.change(list, id, func(i *todo.Item) { i.Complete = true })
}

// Reopen implements [todo.Lists].
func (l *Lists) Reopen(_ context.Context, list todo.ListID, id int64) error {
	return l.change(list, id, func(i *todo.Item) { i.Complete = false })
}

// Edit implements [todo.Lists].
func (l *Lists) Edit(_ context.Context, list todo.ListID, id int64, text string) error {
	return l.change(list, id, func(i *todo.Item) { i.Text = text })
}

// Delete implements [todo.Lists].
func (l *Lists) Delete(_ context.Context, list todo.ListID, id int64) error {
	if l.remove(list, func(i todo.Item) bool { return i.ID == id }) == 0 {
		return todo.ErrNotFound
	}
	return nil
}

// ClearCompleted implements [todo.Lists].
func (l *Lists) ClearCompleted(_ context.Context, list todo.ListID) (int64, error) {
	return l.remove(list, func(i todo.Item) bool { return i.Complete }), nil
}

// Ping implements [todo.Lists].
func (l *Lists) Ping(context.Context) error { return nil }

func (l *Lists) change(list todo.ListID, id int64, apply func(*todo.Item)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.IndexFunc(l.lists[list], func(i todo.Item) bool { return i.ID == id })
	if at < 0 {
		return todo.ErrNotFound
	}
	apply(&l.lists[list][at])
	return nil
}

func (l *Lists) remove(list todo.ListID, which func(todo.Item) bool) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.lists[list])
	if before == 0 {
		return 0
	}
	l.lists[list] = slices.DeleteFunc(l.lists[list], which)
	return int64(before - len(l.lists[list]))
}
