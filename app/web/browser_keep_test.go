package web_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const goneItem = "The item that you were changing is no longer on this page. "

// testKeeping wants that what a visitor has typed is never lost with JavaScript,
// whatever else is done, by whomever.
func testKeeping(t *testing.T, browser context.Context) {
	tests := map[string]func(*tab){
		"adding with a stale token": func(p *tab) {
			p.refused = []string{"400 /add"}
			p.fill("one")
			p.site.clock.advance(13 * time.Hour)
			p.press("two" + kb.ArrowLeft + kb.Enter)
			p.sees(view{Items: []string{"one"}, Counts: "1 1 0", Problem: notDone})
			p.announced("") // the problem is an alert by itself
			p.wantCaret("#name", 2)
			p.wait(`document.activeElement.getAttribute("aria-describedby") === document.querySelector(".add [role=alert]").id`)
			p.press("!" + kb.Enter)
			p.sees(view{Items: []string{"tw!o", "one"}, Counts: "2 2 0"})
		},
		"adding with the cookie gone": func(p *tab) {
			p.refused = []string{"400 /add"}
			p.fill("one")
			p.forget()
			p.press("two")
			p.click(".add button")
			p.sees(view{Counts: "0 0 0", Problem: notDone, Says: nothing})
			p.focused("#name")
			p.click(".add button")
			p.sees(view{Items: []string{"two"}, Counts: "1 1 0"})
		},
		"saving with a stale token": func(p *tab) {
			p.openEditor("two", "one")
			p.refused = []string{"400 /edit/" + p.edited()}
			p.press("!")
			p.site.clock.advance(13 * time.Hour)
			p.click(".save")
			p.sees(view{Items: []string{"two", "editing: one!"}, Counts: "2 2 0", Problem: notDone})
			p.wantCaret("#text", 4)
			p.click(".save")
			p.sees(view{Items: []string{"two", "one!"}, Counts: "2 2 0"})
			p.focused("li:last-child .edit")
		},
		"saving with the cookie gone": func(p *tab) {
			p.openEditor("two", "one")
			p.refused = []string{"400 /edit/" + p.edited()}
			p.forget()
			p.press("!" + kb.Enter)
			p.sees(view{Counts: "0 0 0", Problem: goneItem + "What you wrote is in the field now.", Says: nothing})
			p.focused("#name")
			p.press(kb.Enter)
			p.sees(view{Items: []string{"one!"}, Counts: "1 1 0"})
		},
		"completing with a stale token": func(p *tab) {
			p.openEditor("two", "one")
			p.refused = []string{"400 /complete/" + eval[string](p, `document.querySelector("li").id.slice(5)`)}
			p.press("!")
			p.site.clock.advance(13 * time.Hour)
			p.click(".check")
			p.announced(notDone)
			p.sees(view{Items: []string{"two", "editing: one!"}, Counts: "2 2 0"})
			p.click(".check")
			p.sees(view{Items: []string{"done: two", "editing: one!"}, Counts: "2 1 1"})
		},
		"editing, and changing others": func(p *tab) {
			p.openEditor("four", "three", "two", "one")
			p.press(" more" + kb.ArrowLeft)
			p.click("li:nth-child(1) .check")
			p.sees(view{Items: []string{"done: four", "three", "two", "editing: one more"}, Counts: "4 3 1"})
			p.announced("Completed: four")
			p.focused("li:nth-child(1) .check") // where the click has moved it
			p.click("li:nth-child(1) .check")
			p.sees(view{Items: []string{"four", "three", "two", "editing: one more"}, Counts: "4 4 0"})
			p.click("li:nth-child(2) .delete")
			p.sees(view{Items: []string{"four", "two", "editing: one more"}, Counts: "3 3 0"})
			p.click("#name")
			p.press("five" + kb.Enter)
			p.sees(view{Items: []string{"five", "four", "two", "editing: one more"}, Counts: "4 4 0"})
			until(p, 7, `document.querySelector("#text").selectionStart`)
			p.click(".save")
			p.sees(view{Items: []string{"five", "four", "two", "one more"}, Counts: "4 4 0"})
		},
		"editing, and back before the answer": func(p *tab) {
			p.openEditor("two", "one")
			p.press(" more" + kb.ArrowLeft)
			eval[chromedp.Void](p, `document.querySelector(".check").click()`) // leaves the focus in the editor
			p.sees(view{Items: []string{"done: two", "editing: one more"}, Counts: "2 1 1"})
			p.wantCaret("#text", 7)
			p.press("!" + kb.Escape)
			p.sees(view{Items: []string{"done: two", "one"}, Counts: "2 1 1"})
			p.focused("li:last-child .edit")
		},
		"typing, and another is completed": func(p *tab) {
			p.fill("one")
			p.press("two" + kb.ArrowLeft)
			eval[chromedp.Void](p, `document.querySelector(".check").click()`)
			p.sees(view{Items: []string{"done: one"}, Counts: "1 0 1"})
			p.wantCaret("#name", 2)
		},
		"a problem is told once while others change": func(p *tab) {
			p.openEditor("two", "one")
			p.refused = []string{"422 /edit/" + p.edited()}
			p.press(kb.Backspace + kb.Backspace + kb.Backspace + kb.Enter)
			p.sees(view{Title: notEdited, Items: []string{"two", "editing: "}, Counts: "2 2 0", Problem: blank})
			p.click(".check")
			p.announced("Completed: two")
			p.sees(view{Items: []string{"done: two", "editing: "}, Counts: "2 1 1", Problem: blank})
			p.focused(".check")
		},
		"the edited item is cleared": func(p *tab) {
			p.openEditor("two", "done: one")
			p.press("!")
			p.click(".clear button")
			p.sees(view{Items: []string{"two"}, Counts: "1 1 0", Problem: goneItem + "What you wrote is in the field now."})
			p.focused("#name")
			p.wait(`document.activeElement.value === "one!"`)
		},
		"the edited item is gone": func(p *tab) {
			p.openEditor("two", "one")
			p.refused = []string{"404 /edit/" + p.edited()}
			p.deleteElsewhere(p.edited())
			p.press("!")
			p.click("#name")
			p.press("three")
			p.click(".save")
			p.sees(view{Items: []string{"two"}, Counts: "1 1 0", Problem: goneItem + "You had written: one!"})
			p.focused("#name")
			p.wait(`document.activeElement.value === "three"`)
		},
		"the edited item is gone when adding is refused": func(p *tab) {
			p.openEditor("two", "one")
			p.refused = []string{"422 /add", "400 /add"}
			p.deleteElsewhere(p.edited())
			p.press("!")
			p.click(".add button")
			p.sees(view{Title: notAdded, Items: []string{"two"}, Counts: "1 1 0", Problem: goneItem + "What you wrote is in the field now."})
			p.site.clock.advance(13 * time.Hour)
			p.click(".add button")
			p.sees(view{Items: []string{"two"}, Counts: "1 1 0", Problem: notDone})
			p.click(".add button")
			p.sees(view{Items: []string{"one!", "two"}, Counts: "2 2 0"})
		},
		"the item to edit is gone": func(p *tab) {
			p.fill("one")
			id := eval[string](p, `document.querySelector("li").id.slice(5)`)
			p.refused = []string{"404 /"}
			p.press("two")
			p.deleteElsewhere(id)
			p.click(".edit")
			p.announced(noItem + ". It may have been deleted in another window.")
			p.sees(view{Counts: "0 0 0", Says: nothing})
			p.wait(`document.querySelector("#name").value === "two"`)
		},
		"the database is away": func(p *tab) {
			p.openEditor("two", "one")
			p.refused = []string{"503 /edit/" + p.edited(), "503 /"}
			p.press("!")
			if err := p.site.store.Close(); err != nil {
				p.Fatal(err)
			}
			p.press(kb.Enter)
			p.announced("Service Unavailable. The list cannot be reached for the moment. Please try again in a few seconds.")
			p.sees(view{Items: []string{"two", "editing: one!"}, Counts: "2 2 0"})
			p.wantCaret("#text", 4)
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onOnePage(t, browser, test)
		})
	}
}

// openEditor puts items on the list, the first on top, and edits the last.
func (p *tab) openEditor(texts ...string) {
	p.Helper()
	slices.Reverse(texts)
	p.fill(texts...)
	p.click("li:last-child .edit")
	p.focused("#text")
}

// edited is the number of the item that is being edited.
func (p *tab) edited() string {
	p.Helper()
	return eval[string](p, `document.querySelector(".editing").id.slice(5)`)
}

// wantCaret waits until the caret is somewhere in a field.
func (p *tab) wantCaret(field string, at int) {
	p.Helper()
	p.focused(field)
	until(p, []int{at, at}, `[document.activeElement.selectionStart, document.activeElement.selectionEnd]`)
}

// forget removes the visitor's cookie.
func (p *tab) forget() {
	p.Helper()
	call(p, network.ClearBrowserCookies, cdp.Empty{})
}

// deleteElsewhere deletes an item as another window of the visitor would.
func (p *tab) deleteElsewhere(id string) {
	p.Helper()
	number, err := strconv.ParseInt(id, 10, 64)
	if err == nil {
		err = p.site.store.Delete(p.ctx, p.list(), number)
	}
	if err != nil {
		p.Fatal(err)
	}
}
