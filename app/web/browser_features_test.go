package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	todo "github.com/sluice-ci/sluice/app"
)

const (
	tooLong   = "That is too long: an item has at most 200 characters."
	blank     = "Write something to do first."
	nothing   = "Nothing to do."
	badToken  = "Bad Request: CSRF token missing or invalid" // #nosec G101 -- a message
	notDone   = "That was not done: the page was open for too long, or cookies are off or were cleared. Please try again."
	noItem    = "Not Found: there is no such item on your list"
	notAdded  = "Not added – To do"
	notEdited = "Not changed – To do"
)

// testFeatures clicks and types through everything that a list can do, with
// JavaScript and without.
func testFeatures(t *testing.T, browser context.Context) {
	features := map[string]func(*tab){
		"empty": func(p *tab) {
			p.sees(view{Counts: "0 0 0", Says: nothing})
			p.focused("#name")
		},
		"add": func(p *tab) {
			p.click("#name")
			p.press("Water the plants" + kb.Enter)
			p.sees(view{Items: []string{"Water the plants"}, Counts: "1 1 0"})
			p.click("#name")
			p.press("  <b>Post</b> & \"pay\"  ")
			p.click(".add button")
			p.sees(view{Items: []string{`<b>Post</b> & "pay"`, "Water the plants"}, Counts: "2 2 0"})
			p.wait(`document.querySelector("#name").value === ""`)
		},
		"refused empty": func(p *tab) {
			p.refused = []string{"422 /add"}
			p.click(".add button")
			p.sees(view{Title: notAdded, Counts: "0 0 0", Problem: blank, Says: nothing})
		},
		"refused blank": func(p *tab) {
			p.refused = []string{"422 /add"}
			p.click("#name")
			p.press("   " + kb.Enter)
			p.sees(view{Title: notAdded, Counts: "0 0 0", Problem: blank, Says: nothing})
			p.focused("#name")
			p.wait(`document.querySelector("#problem").id === document.activeElement.getAttribute("aria-describedby")`)
		},
		"refused too long": func(p *tab) {
			p.refused = []string{"422 /add"}
			text := strings.Repeat("é", todo.MaxText+1)
			p.click("#name")
			p.paste(text)
			p.press(kb.Enter)
			p.sees(view{Title: notAdded, Counts: "0 0 0", Problem: tooLong, Says: nothing})
			p.focused("#name")
			p.wait(fmt.Sprintf("document.activeElement.value === %q", text))
			p.press(kb.End + kb.Backspace + kb.Enter)
			p.sees(view{Items: []string{text[:len(text)-2]}, Counts: "1 1 0"})
		},
		"complete and reopen": func(p *tab) {
			p.fill("one", "two")
			p.click("li:last-child .check")
			p.sees(view{Items: []string{"two", "done: one"}, Counts: "2 1 1"})
			p.click("li:last-child .check")
			p.sees(view{Items: []string{"two", "one"}, Counts: "2 2 0"})
		},
		"delete": func(p *tab) {
			p.fill("one", "two", "three")
			p.click("li:nth-child(2) .delete")
			p.sees(view{Items: []string{"three", "one"}, Counts: "2 2 0"})
			p.click("li:nth-child(2) .delete")
			p.sees(view{Items: []string{"three"}, Counts: "1 1 0"})
			p.click(".delete")
			p.sees(view{Counts: "0 0 0", Says: nothing})
		},
		"edit and save": func(p *tab) {
			p.fill("one", "two")
			p.click("li:last-child .edit")
			p.sees(view{Items: []string{"two", "editing: one"}, Counts: "2 2 0"})
			p.focused("#text")
			p.press(kb.End + " more" + kb.Enter)
			p.sees(view{Items: []string{"two", "one more"}, Counts: "2 2 0"})
			p.click("li:first-child .edit")
			p.sees(view{Items: []string{"editing: two", "one more"}, Counts: "2 2 0"})
			p.press(kb.End + "!")
			p.click(".save")
			p.sees(view{Items: []string{"two!", "one more"}, Counts: "2 2 0"})
		},
		"edit and cancel": func(p *tab) {
			p.fill("one", "two")
			p.click("li:last-child .edit")
			p.focused("#text")
			p.press("more")
			p.click("[data-cancel]")
			p.sees(view{Items: []string{"two", "one"}, Counts: "2 2 0"})
		},
		"edit refused": func(p *tab) {
			p.fill("one", "two")
			p.click("li:last-child .edit")
			p.focused("#text")
			p.refused = []string{fmt.Sprintf("422 /edit/%d", eval[int](p, `+document.querySelector(".editing").id.slice(5)`))}
			text := strings.Repeat("x", todo.MaxText)
			p.press(kb.End)
			p.paste(text)
			p.press(kb.Enter)
			p.sees(view{Title: notEdited, Items: []string{"two", "editing: one" + text}, Counts: "2 2 0", Problem: tooLong})
			p.focused("#text")
			p.wait(`document.querySelector(".editing .problem").id === document.activeElement.getAttribute("aria-describedby")`)
			p.wait(`document.querySelector("#name").value === ""`)
			if p.script {
				p.wait(`document.activeElement.scrollLeft > 0`) // the caret, at the end, is in sight
			}
			p.click("[data-cancel]")
			p.sees(view{Items: []string{"two", "one"}, Counts: "2 2 0"})
		},
		"filters": func(p *tab) {
			p.fill("one", "done: two", "three")
			p.click(`.filters a[href="/?show=open"]`)
			p.sees(view{Items: []string{"three", "one"}, Counts: "3 2 1"})
			p.wait(`document.querySelector("[aria-current]").textContent === "Open 2"`)
			p.click("li:last-child .check") // stays among the open ones
			p.sees(view{Items: []string{"three"}, Counts: "3 1 2"})
			p.click(".delete")
			p.sees(view{Counts: "2 0 2", Says: "All done."})
			p.click(`.filters a[href="/?show=done"]`)
			p.sees(view{Items: []string{"done: two", "done: one"}, Counts: "2 0 2"})
			p.click("li:last-child .edit")
			p.focused("#text")
			p.press(kb.Home + "No. " + kb.Enter)
			p.sees(view{Items: []string{"done: two", "done: No. one"}, Counts: "2 0 2"})
			p.click("li:last-child .check")
			p.sees(view{Items: []string{"done: two"}, Counts: "2 1 1"})
			p.click(`.filters a[href="/"]`)
			p.sees(view{Items: []string{"done: two", "No. one"}, Counts: "2 1 1"})
		},
		"clear completed": func(p *tab) {
			p.fill("done: one", "two", "done: three")
			p.click(".clear button")
			p.sees(view{Items: []string{"two"}, Counts: "1 1 0"})
			p.wait(`!document.querySelector(".clear")`)
			p.click(`.filters a[href="/?show=done"]`)
			p.sees(view{Counts: "1 1 0", Says: "Nothing is done yet."})
		},
		"pages": func(p *tab) {
			var texts []string
			for i := range todo.PageSize + 2 {
				texts = append(texts, fmt.Sprintf("item %d", i))
			}
			p.fill(texts...)
			p.wait(`document.querySelectorAll("li").length === 100`)
			p.click(".older")
			p.sees(view{Items: []string{"item 1", "item 0"}, Counts: "100+ 100+ 0"})
			p.click("li:first-child .check") // stays on its page
			p.sees(view{Items: []string{"done: item 1", "item 0"}, Counts: "100+ 100+ 1"})
			p.click("li:last-child .edit")
			p.focused("#text")
			p.press(kb.End + "!" + kb.Enter)
			p.sees(view{Items: []string{"done: item 1", "item 0!"}, Counts: "100+ 100+ 1"})
			p.click(".pages a")
			p.wait(`document.querySelector("li .text").textContent === "item 101"`)
		},
		"stale token": func(p *tab) {
			p.refused = []string{"400 /add"}
			p.fill("one")
			p.site.clock.advance(13 * time.Hour)
			p.click("#name")
			p.press("two" + kb.Enter)
			if p.script {
				p.sees(view{Items: []string{"one"}, Counts: "1 1 0", Problem: notDone})
				p.focused("#name")
				p.press(kb.Enter)
			} else {
				p.sees(view{Title: badToken, Says: badToken})
				p.click(".pages a")
				p.sees(view{Items: []string{"one"}, Counts: "1 1 0"})
				p.click("#name")
				p.press("two" + kb.Enter)
			}
			p.sees(view{Items: []string{"two", "one"}, Counts: "2 2 0"})
		},
		"item that is gone": func(p *tab) {
			p.fill("one", "two")
			gone := eval[int64](p, `+document.querySelector("li").id.slice(5)`)
			p.refused = []string{fmt.Sprintf("404 /complete/%d", gone)}
			if err := p.site.store.Delete(p.ctx, p.list(), gone); err != nil {
				p.Fatal(err)
			}
			p.click(".check")
			if p.script {
				p.announced(noItem + ". It may have been deleted in another window.")
			} else {
				p.sees(view{Title: noItem, Says: noItem})
				p.click(".pages a")
			}
			p.sees(view{Items: []string{"one"}, Counts: "1 1 0"})
		},
		"network gone": func(p *tab) {
			p.fill("one")
			p.click("#name")
			p.press("two")
			p.site.CloseClientConnections()
			p.site.Close()
			p.press(kb.Enter)
			p.offline = true
			if !p.script {
				p.wait(`location.protocol === "chrome-error:"`) // the browser's own page
				return
			}
			p.wait(`document.querySelector("#status").textContent === "The list cannot be reached. Please try again."`)
			p.wait(`document.querySelector("#status").getBoundingClientRect().height > 24`)
			p.sees(view{Items: []string{"one"}, Counts: "1 1 0"})
			p.focused("#name")
			p.wait(`document.activeElement.value === "two"`)
		},
	}
	for name, test := range features {
		for _, script := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s script=%t", name, script), func(t *testing.T) {
				t.Parallel()
				p := newTab(t, browser, script)
				test(p)
			})
		}
	}
}

// testSwapping is what JavaScript adds: a change swaps what is on the page, and
// the focus stays where the visitor's attention is.
func testSwapping(t *testing.T, browser context.Context) {
	tests := map[string]func(*tab){
		"focus after completing": func(p *tab) {
			p.fill("one", "two", "three")
			p.click("li:nth-child(2) .check")
			p.sees(view{Items: []string{"three", "done: two", "one"}, Counts: "3 2 1"})
			p.focused("li:nth-child(2) .check")
			p.announced("Completed: two")
			p.click("li:nth-child(2) .check")
			p.announced("Reopened: two")
			p.focused("li:nth-child(2) .check")
		},
		"focus after an item leaves its filter": func(p *tab) {
			p.fill("one", "two", "three")
			p.visit("/?show=open")
			p.mark()
			p.click("li:nth-child(2) .check")
			p.sees(view{Items: []string{"three", "one"}, Counts: "3 2 1"})
			p.focused("li:nth-child(2) .check") // the next item's
			p.click("li:nth-child(2) .check")
			p.sees(view{Items: []string{"three"}, Counts: "3 1 2"})
			p.focused("li:nth-child(1) .check") // the one before: there is no next
			p.click("li:nth-child(1) .check")
			p.sees(view{Counts: "3 0 3", Says: "All done."})
			p.focused("#name")
		},
		"focus after deleting": func(p *tab) {
			p.fill("one", "two", "three")
			p.click("li:nth-child(2) .delete")
			p.announced("Deleted: two")
			p.focused("li:nth-child(2) .delete")
			p.click("li:nth-child(2) .delete")
			p.announced("Deleted: one")
			p.focused("li:nth-child(1) .delete")
			p.click("li:nth-child(1) .delete")
			p.announced("Deleted: three")
			p.focused("#name")
		},
		"focus after editing": func(p *tab) {
			p.fill("one", "two")
			p.click("li:last-child .edit")
			p.focused("#text")
			p.wait(`document.activeElement.selectionStart === 3`) // the caret is behind the text
			p.press("!" + kb.Enter)
			p.announced("Saved")
			p.focused("li:last-child .edit")
			p.press(kb.Enter)
			p.focused("#text")
			p.press("???" + kb.Escape)
			p.sees(view{Items: []string{"two", "one!"}, Counts: "2 2 0"})
			p.focused("li:last-child .edit")
			p.wait(`location.pathname + location.search === "/"`)
		},
		"focus after adding and clearing": func(p *tab) {
			p.fill("done: one")
			p.click("#name")
			p.press("two" + kb.Enter)
			p.announced("Added")
			p.focused("#name")
			p.press("three" + kb.Enter) // the next one at once
			p.sees(view{Items: []string{"three", "two", "done: one"}, Counts: "3 2 1"})
			p.click(".clear button")
			p.announced("Cleared completed")
			p.focused("#name")
		},
		"refused text is announced once": func(p *tab) {
			p.refused = []string{"422 /add"}
			p.click(".add button")
			p.sees(view{Title: notAdded, Counts: "0 0 0", Problem: blank, Says: nothing})
			p.announced("") // the problem is an alert by itself
			p.wait(`document.querySelector("#problem").getAttribute("role") === "alert"`)
			p.focused("#name")
		},
		"characters left": func(p *tab) {
			left := `document.querySelector("#name").parentElement.dataset.left`
			p.click("#name")
			p.paste(strings.Repeat("é", todo.MaxText-20))
			p.announced("")
			p.press("x")
			p.announced("19 characters left")
			until(p, "19 left", left)
			p.paste(strings.Repeat("🎉", 20))
			p.announced("1 character too many")
			until(p, "1 too many", left)
			p.press(kb.Backspace + kb.Backspace)
			p.announced("1 character left")
		},
		"double click": func(p *tab) {
			p.fill("one", "two", "three")
			p.click("li:first-child .check", 2)
			p.sees(view{Items: []string{"done: three", "two", "one"}, Counts: "3 2 1"})
			x, y := p.point("li:first-child .delete")
			p.do(chromedp.MouseClickXY(x, y))
			p.sees(view{Items: []string{"two", "one"}, Counts: "2 2 0"})
			p.do(chromedp.MouseClickXY(x, y, chromedp.ClickCount(2))) // where another item is now
			p.click("#name")
			p.press("four")
			p.click(".add button", 2)
			p.sees(view{Items: []string{"four", "two", "one"}, Counts: "3 3 0"})
		},
		"quick clicks on several items": func(p *tab) {
			p.fill("one", "two", "three")
			x1, y1 := p.point("li:nth-child(1) .check")
			x2, y2 := p.point("li:nth-child(2) .check")
			x3, y3 := p.point("li:nth-child(3) .check")
			p.do(chromedp.MouseClickXY(x1, y1), chromedp.MouseClickXY(x2, y2), chromedp.MouseClickXY(x3, y3))
			p.sees(view{Items: []string{"done: three", "done: two", "done: one"}, Counts: "3 0 3"})
		},
		"what is typed meanwhile is kept": func(p *tab) {
			p.fill("one")
			p.click("#name")
			p.press("tw")
			p.click(".check")
			p.sees(view{Items: []string{"done: one"}, Counts: "1 0 1"})
			p.click("#name")
			p.press(kb.End + "o" + kb.Enter)
			p.sees(view{Items: []string{"two", "done: one"}, Counts: "2 1 1"})
			p.wait(`document.querySelector("#name").value === ""`)
		},
		"sent twice at once": func(p *tab) {
			p.press("one")
			eval[chromedp.Void](p, `{ const form = document.querySelector(".add"); form.requestSubmit(); form.requestSubmit() }`)
			p.sees(view{Items: []string{"one"}, Counts: "1 1 0"})
			p.press("two" + kb.Enter)
			p.sees(view{Items: []string{"two", "one"}, Counts: "2 2 0"})
		},
		"stale token keeps the visitor informed": func(p *tab) {
			p.fill("one")
			id := eval[int](p, `+document.querySelector("li").id.slice(5)`)
			p.refused = []string{fmt.Sprintf("400 /delete/%d", id)}
			p.site.clock.advance(13 * time.Hour)
			p.click(".delete")
			p.announced(notDone)
			p.wait(`document.querySelector("#status").getBoundingClientRect().height > 24`)
			p.focused(".delete")
			p.click(".delete")
			p.sees(view{Counts: "0 0 0", Says: nothing})
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onOnePage(t, browser, test)
		})
	}
}

// onOnePage runs a test in which no page is replaced by another.
func onOnePage(t *testing.T, browser context.Context, test func(*tab)) {
	t.Helper()
	p := newTab(t, browser, true)
	p.mark()
	test(p)
	p.wait("window.marked")
}

// mark marks the page, to tell whether it is replaced by another.
func (p *tab) mark() {
	p.Helper()
	eval[bool](p, "window.marked = true")
}

// announced waits until a screen reader is told something.
func (p *tab) announced(want string) {
	p.Helper()
	until(p, want, `document.querySelector("[role=status]").textContent`)
}
