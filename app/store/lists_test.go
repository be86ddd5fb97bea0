package store_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
)

func TestTextsAreKept(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		var want []todo.Item
		for _, text := range []string{
			"plain", strings.Repeat("🪴", todo.MaxText), "שלום עולם، مرحبا", "'); DROP TABLE todos; --", `back\slash " 'quote' %s ? :1 $1`,
			"<script>alert(1)</script>", "42", "1e3", "NULL", "naïve\u200d👩‍👩‍👧", "\U0010FFFD", "a\u00a0b",
		} {
			want = append([]todo.Item{add(t, s, "a", text)}, want...)
			if want[0].Text != text {
				t.Errorf("added %q, want %q", want[0].Text, text)
			}
		}
		if diff := cmp.Diff(want, newest(t, s, "a").Items); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		for _, text := range []string{strings.Repeat("👩", todo.MaxText), "'\\", "7"} {
			must(t, s.Edit(t.Context(), "a", want[0].ID, text))
			if got := newest(t, s, "a").Items[0].Text; got != text {
				t.Errorf("edited to %q, want %q", got, text)
			}
		}
	})
}

func TestChanges(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		ctx := t.Context()
		one, two, three := add(t, s, "a", "one"), add(t, s, "a", "two"), add(t, s, "a", "three")
		for range 2 { // the second time nothing changes
			must(t, s.Complete(ctx, "a", one.ID))
			must(t, s.Complete(ctx, "a", two.ID))
			must(t, s.Reopen(ctx, "a", two.ID))
			must(t, s.Edit(ctx, "a", three.ID, "drei"))
		}
		one.Complete, three.Text = true, "drei"
		want := todo.Page{Items: []todo.Item{three, two, one}, Counts: todo.Counts{Open: 2, Done: 1}}
		if diff := cmp.Diff(want, newest(t, s, "a")); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		must(t, s.Delete(ctx, "a", two.ID))
		if err := s.Delete(ctx, "a", two.ID); !errors.Is(err, todo.ErrNotFound) {
			t.Errorf("deleting again: %v, want %v", err, todo.ErrNotFound)
		}
		for _, want := range []int64{1, 0} {
			if n, err := s.ClearCompleted(ctx, "a"); err != nil || n != want {
				t.Errorf("cleared %d items, %v; want %d", n, err, want)
			}
		}
		want = todo.Page{Items: []todo.Item{three}, Counts: todo.Counts{Open: 1}}
		if diff := cmp.Diff(want, newest(t, s, "a")); diff != "" {
			t.Errorf("list (-want +got):\n%s", diff)
		}
		if again := add(t, s, "a", "four"); again.ID <= three.ID {
			t.Errorf("id %d was used again", again.ID)
		}
	})
}

func TestListsAreApart(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		mine := add(t, s, "mine", "secret")
		must(t, s.Complete(t.Context(), "mine", mine.ID))
		mine.Complete = true
		for _, list := range []todo.ListID{"yours", "", "MINE", "mine ", "mine\x00", "%", "mïne", todo.ListID(strings.Repeat("x", 500))} {
			if got := newest(t, s, list); len(got.Items) != 0 || got.Counts != (todo.Counts{}) {
				t.Errorf("list %q shows %v", list, got)
			}
			for doing, err := range changes(t.Context(), s, list, mine.ID) {
				if !errors.Is(err, todo.ErrNotFound) {
					t.Errorf("%s from list %q: %v, want %v", doing, list, err, todo.ErrNotFound)
				}
			}
			if n, err := s.ClearCompleted(t.Context(), list); n != 0 || err != nil {
				t.Errorf("list %q cleared %d items, %v", list, n, err)
			}
		}
		for _, id := range []int64{mine.ID + 1, 0, -1, math.MaxInt64, math.MinInt64} {
			for doing, err := range changes(t.Context(), s, "mine", id) {
				if !errors.Is(err, todo.ErrNotFound) {
					t.Errorf("%s item %d: %v, want %v", doing, id, err, todo.ErrNotFound)
				}
			}
			query(t, s, "mine", todo.Query{Before: id})
		}
		if diff := cmp.Diff([]todo.Item{mine}, newest(t, s, "mine").Items); diff != "" {
			t.Errorf("my list has changed (-want +got):\n%s", diff)
		}
	})
}

func changes(ctx context.Context, s *store.Store, list todo.ListID, id int64) map[string]error {
	return map[string]error{
		"completing": s.Complete(ctx, list, id), "reopening": s.Reopen(ctx, list, id),
		"editing": s.Edit(ctx, list, id, "x"), "deleting": s.Delete(ctx, list, id),
	}
}

// TestPagesEnd is about the lengths at which pages and counts end.
func TestPagesEnd(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{MaxItems: 10_000})
		for _, n := range []int{0, 1, todo.PageSize - 1, todo.PageSize, todo.PageSize + 1, todo.PageSize + 2, 2*todo.PageSize + 1} {
			list := todo.ListID(fmt.Sprint("list", n))
			m := fill(t, s, list, n)
			for _, show := range []todo.Show{todo.ShowAll, todo.ShowOpen, todo.ShowDone} {
				walk(t, s, list, m, show)
			}
			for i := range m { // and with all of them done
				must(t, s.Complete(t.Context(), list, m[i].ID))
				m[i].Complete = true
			}
			walk(t, s, list, m, todo.ShowDone)
			walk(t, s, list, m, todo.ShowOpen)
		}
	})
}

func fill(t testing.TB, s *store.Store, list todo.ListID, n int) (m model) {
	for i := range n {
		m = append(m, add(t, s, list, fmt.Sprint(i)))
		add(t, s, "between", "x")
	}
	return m
}

// walk compares all pages of a list with those of a model.
func walk(t testing.TB, s *store.Store, list todo.ListID, m model, show todo.Show) {
	t.Helper()
	for q := (todo.Query{Show: show}); ; {
		want, got := m.page(q), query(t, s, list, q)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%q %+v of %d items (-want +got):\n%s", list, q, len(m), diff)
		}
		if q.Before = got.Older; q.Before == 0 {
			return
		}
	}
}

// model is a list in memory, oldest item first.
type model []todo.Item

func (m model) page(q todo.Query) (p todo.Page) {
	for _, i := range slices.Backward(m) {
		if i.Complete {
			p.Counts.Done = min(p.Counts.Done+1, todo.PageSize+1)
		} else {
			p.Counts.Open = min(p.Counts.Open+1, todo.PageSize+1)
		}
		if q.Before != 0 && i.ID >= q.Before || q.Show != todo.ShowAll && i.Complete != (q.Show == todo.ShowDone) {
			continue
		}
		if len(p.Items) < todo.PageSize {
			p.Items = append(p.Items, i)
		} else {
			p.Older = p.Items[todo.PageSize-1].ID
		}
	}
	return p
}

// TestAgainstAModel does what comes to mind by chance to a list and to a model of it.
func TestAgainstAModel(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		seed := rand.Uint64() // #nosec G404 -- no secret
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 0)) // #nosec G404 -- no secret
		fill(t, s, "other", 3)
		m := fill(t, s, "a", 150)
		for range 300 {
			step(t, s, r, &m)
			if r.IntN(5) == 0 {
				walk(t, s, "a", m, []todo.Show{todo.ShowAll, todo.ShowOpen, todo.ShowDone}[r.IntN(3)])
			}
		}
		if got := len(newest(t, s, "other").Items); got != 3 {
			t.Errorf("another list has %d items, want 3", got)
		}
	})
}

func step(t *testing.T, s *store.Store, r *rand.Rand, m *model) {
	t.Helper()
	ctx, doing := t.Context(), r.IntN(100)
	if doing < 30 || len(*m) == 0 {
		*m = append(*m, add(t, s, "a", fmt.Sprint(r.Uint32())))
		return
	}
	n := r.IntN(len(*m))
	i := &(*m)[n]
	switch {
	case doing < 60:
		must(t, s.Complete(ctx, "a", i.ID))
		i.Complete = true
	case doing < 75:
		must(t, s.Reopen(ctx, "a", i.ID))
		i.Complete = false
	case doing < 85:
		i.Text = fmt.Sprint(r.Uint32())
		must(t, s.Edit(ctx, "a", i.ID, i.Text))
	case doing < 99:
		must(t, s.Delete(ctx, "a", i.ID))
		*m = slices.Delete(*m, n, n+1)
	default:
		before := len(*m)
		*m = slices.DeleteFunc(*m, func(i todo.Item) bool { return i.Complete })
		if got, err := s.ClearCompleted(ctx, "a"); err != nil || int(got) != before-len(*m) {
			t.Errorf("cleared %d items, %v; want %d", got, err, before-len(*m))
		}
	}
}

// TestNoListHoldsMoreThanItsLimit has two instances add to lists at the same
// time: to a small one, and to one that is nearly full.
func TestNoListHoldsMoreThanItsLimit(t *testing.T) {
	for _, limit := range []int{1, 5, 90} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			each(t, func(t *testing.T, d database) {
				o := store.Options{MaxItems: limit}
				a, b := d.open(t, o), d.open(t, o)
				held := limit * 9 / 10
				fill(t, a, "a", held)
				full := flood(t, a, b, 40)
				p := newest(t, a, "a")
				if got := len(p.Items); got != limit || full != 40-(limit-held) {
					t.Errorf("%d items and %d refusals, want %d and %d", got, full, limit, 40-(limit-held))
				}
				add(t, a, "b", "another list has room")
				must(t, a.Delete(t.Context(), "a", p.Items[0].ID))
				add(t, a, "a", "the list has room again")
				if _, err := b.Add(t.Context(), "a", "x"); !errors.Is(err, todo.ErrListFull) {
					t.Errorf("adding to a full list: %v, want %v", err, todo.ErrListFull)
				}
			})
		})
	}
}

// flood adds n items at once and returns how many were refused since the list was full.
func flood(t *testing.T, a, b *store.Store, n int) int {
	var wg sync.WaitGroup
	var full atomic.Int64
	for i := range n {
		wg.Go(func() {
			_, err := []*store.Store{a, b}[i%2].Add(t.Context(), "a", "x")
			if errors.Is(err, todo.ErrListFull) {
				full.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return int(full.Load())
}

func TestManyListsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		a, b := d.open(t, store.Options{}), d.open(t, store.Options{})
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				s, list := []*store.Store{a, b}[i%2], todo.ListID(fmt.Sprint(i/2))
				for range 10 {
					item, err := s.Add(t.Context(), list, "x")
					if err == nil {
						err = s.Complete(t.Context(), list, item.ID)
					}
					if err == nil {
						_, err = s.ClearCompleted(t.Context(), list)
					}
					if err != nil && !errors.Is(err, todo.ErrNotFound) { // the other one may have cleared it
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for i := range 8 {
			if got := newest(t, a, todo.ListID(fmt.Sprint(i))); len(got.Items) != 0 {
				t.Errorf("list %d has %v left", i, got)
			}
		}
	})
}

func TestCancelledCalls(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		item := add(t, s, "a", "x")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for doing, err := range calls(ctx, s, item.ID) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want %v", doing, err, context.Canceled)
			}
		}
		if diff := cmp.Diff([]todo.Item{item}, newest(t, s, "a").Items); diff != "" {
			t.Errorf("a cancelled call has changed the list (-want +got):\n%s", diff)
		}
	})
}

// calls calls everything, on list a.
func calls(ctx context.Context, s *store.Store, id int64) map[string]error {
	all := changes(ctx, s, "a", id)
	_, all["reading"] = s.Page(ctx, "a", todo.Query{})
	_, all["paging"] = s.Page(ctx, "a", todo.Query{Show: todo.ShowDone})
	_, all["adding"] = s.Add(ctx, "a", "x")
	_, all["clearing"] = s.ClearCompleted(ctx, "a")
	all["pinging"] = s.Ping(ctx)
	return all
}

func TestClosedStore(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		item := add(t, s, "a", "x")
		must(t, s.Close())
		for doing, err := range calls(t.Context(), s, item.ID) {
			if err == nil || errors.Is(err, todo.ErrNotFound) || errors.Is(err, todo.ErrListFull) {
				t.Errorf("%s of a closed store: %v, want an error of the database", doing, err)
			}
		}
		if got := newest(t, d.open(t, store.Options{}), "a").Items; len(got) != 1 {
			t.Errorf("opened again it has %v, want one item", got)
		}
	})
}

func TestPoolsHaveNames(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		want := map[string][]string{"sqlite": {"read", "write"}, "mysql": {"mysql"}}[d.kind]
		pools := d.open(t, store.Options{}).Pools()
		for _, name := range want {
			if pools[name] == nil || pools[name].Stats().MaxOpenConnections == 0 {
				t.Errorf("pool %q is missing or has no bound", name)
			}
		}
		if len(pools) != len(want) {
			t.Errorf("%d pools, want %v", len(pools), want)
		}
	})
}
