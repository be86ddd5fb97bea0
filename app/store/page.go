package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"

	todo "github.com/sluice-ci/sluice/app"
)

// more is how many rows tell that there are more than a page holds.
const more = todo.PageSize + 1

// usual is how many items are expected on a page.
const usual = 32

// Page implements [todo.Lists].
func (s *Store) Page(ctx context.Context, list todo.ListID, q todo.Query) (todo.Page, error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return todo.Page{}, err
	}
	defer cancel()
	p, err := s.page(ctx, string(list), q)
	if err != nil {
		return todo.Page{}, fmt.Errorf("reading a list: %w", err)
	}
	return p, nil
}

// page asks one question as a rule. The first page of a list needs no counting
// when it is the whole list, which most are.
func (s *Store) page(ctx context.Context, list string, q todo.Query) (p todo.Page, err error) {
	if q != (todo.Query{}) {
		return s.countedPage(ctx, list, q)
	}
	if err := s.read(ctx, &p, newest, list); err != nil {
		return p, err
	}
	cut(&p)
	if p.Older != 0 {
		return p, s.read(ctx, &p, count, list, list)
	}
	for i := range p.Items {
		if p.Items[i].Complete {
			p.Counts.Done++
		}
	}
	p.Counts.Open = len(p.Items) - p.Counts.Done
	return p, nil
}

func (s *Store) countedPage(ctx context.Context, list string, q todo.Query) (p todo.Page, err error) {
	before := q.Before
	if before == 0 {
		before = math.MaxInt64
	}
	if q.Show == todo.ShowAll {
		err = s.read(ctx, &p, page, list, before, list, list)
	} else {
		err = s.read(ctx, &p, pageDone, list, q.Show == todo.ShowDone, before, list, list)
	}
	cut(&p)
	return p, err
}

// cut drops the item that was only read to know whether there are more.
func cut(p *todo.Page) {
	if len(p.Items) > todo.PageSize {
		p.Items = p.Items[:todo.PageSize]
		p.Older = p.Items[todo.PageSize-1].ID
	}
}

// read adds rows to a page: items, and perhaps a row of counts.
func (s *Store) read(ctx context.Context, p *todo.Page, what statement, args ...any) (err error) {
	rows, err := s.db.query(ctx, what, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := row{page: p}
	dest := []any{(*idColumn)(&r), (*completeColumn)(&r), (*textColumn)(&r)}
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
	}
	return rows.Err()
}

// row puts a row's values where they belong. The columns scan themselves:
// database/sql turns a number into text and back to scan it into an int64.
type row struct {
	page *todo.Page
	item bool // and not counts
}

type (
	idColumn       row
	completeColumn row
	textColumn     row
)

var _, _, _ sql.Scanner = (*idColumn)(nil), (*completeColumn)(nil), (*textColumn)(nil)

// Scan takes the id of an item; counts have none.
func (c *idColumn) Scan(v any) error {
	id, ok := v.(int64)
	c.item = ok
	if ok {
		if c.page.Items == nil {
			c.page.Items = make([]todo.Item, 0, usual)
		}
		c.page.Items = append(c.page.Items, todo.Item{ID: id})
	} else if v != nil {
		return fmt.Errorf("the database has a %T as an id", v)
	}
	return nil
}

// Scan takes whether an item is done, or how many are open. A row of the first
// version may have NULL, which is not done.
func (c *completeColumn) Scan(v any) error {
	n, ok := v.(int64)
	if v != nil && !ok {
		return fmt.Errorf("the database has a %T as a state", v)
	}
	if c.item {
		c.page.Items[len(c.page.Items)-1].Complete = n != 0
	} else {
		c.page.Counts.Open = int(n)
	}
	return nil
}

// Scan takes an item's text, or how many are done.
func (c *textColumn) Scan(v any) (err error) {
	var text string
	switch v := v.(type) {
	case nil:
	case string:
		text = v
	case []byte:
		text = string(v)
	case int64:
		if !c.item {
			c.page.Counts.Done = int(v)
			return nil
		}
		text = strconv.FormatInt(v, 10)
	default:
		return fmt.Errorf("the database has a %T as a text", v)
	}
	if !c.item {
		c.page.Counts.Done, err = strconv.Atoi(text)
		return err
	}
	c.page.Items[len(c.page.Items)-1].Text = text
	return nil
}
