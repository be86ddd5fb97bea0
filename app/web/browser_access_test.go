package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
)

// testKeyboard does without a mouse.
func testKeyboard(t *testing.T, browser context.Context) {
	for _, script := range []bool{true, false} {
		t.Run(fmt.Sprintf("script=%t", script), func(t *testing.T) {
			t.Parallel()
			p := newTab(t, browser, script)
			p.fill("one", "done: two")
			order := []string{"What is there to do?", "Add", "All 2", "Open 1", "Done 1", "Reopen: two", "Edit: two", "Delete: two",
				"Complete: one", "Edit: one", "Delete: one", "Clear completed"}
			for _, name := range order {
				p.wantFocus(name)
				p.press(kb.Tab)
			}
			p.tabTo("Complete: one", kb.Shift)
			p.press(" ")
			p.sees(view{Items: []string{"done: two", "done: one"}, Counts: "2 0 2"})
			p.tabTo("Delete: one", "")
			p.press(kb.Enter)
			p.sees(view{Items: []string{"done: two"}, Counts: "1 0 1"})
			p.tabTo("Edit: two", "")
			p.press(kb.Enter)
			p.wantFocus("Change the item")
			p.press(kb.End + "!")
			p.tabTo("Save", "")
			p.press(" ")
			p.sees(view{Items: []string{"done: two!"}, Counts: "1 0 1"})
			p.tabTo("Edit: two!", "")
			p.press(kb.Enter)
			p.wantFocus("Change the item")
			p.tabTo("Cancel", "")
			p.press(kb.Enter)
			p.sees(view{Items: []string{"done: two!"}, Counts: "1 0 1"})
			p.tabTo("Open 0", "")
			p.press(kb.Enter)
			p.sees(view{Counts: "1 0 1", Says: "All done."})
			p.tabTo("Clear completed", "")
			p.press(" ")
			p.sees(view{Counts: "0 0 0", Says: nothing})
			p.tabTo("What is there to do?", "")
			p.press("three" + kb.Enter)
			p.sees(view{Items: []string{"three"}, Counts: "1 1 0"})
		})
	}
}

// testHeldKey has the rest of a key's stroke come after the page that it asked for:
// it must not get to the field that has the focus there.
func testHeldKey(t *testing.T, browser context.Context) {
	p := newTab(t, browser, true)
	p.fill("one")
	p.tabTo("Edit: one", "")
	stroke := kb.Encode([]rune(kb.Enter)[0])
	for i, event := range stroke {
		call(p, input.DispatchKeyEvent, *event)
		p.wait(`performance.getEntriesByType("resource").some(e => e.name.includes("edit=") && e.responseEnd > 0)`)
		if i < len(stroke)-1 {
			p.wantFocus("Edit: one")
		}
	}
	p.wantFocus("Change the item")
	p.press("!" + kb.Enter)
	p.sees(view{Items: []string{"one!"}, Counts: "1 1 0"})
}

// focusName is the accessible name of the control that has the focus.
const focusName = `(e => e.getAttribute("aria-label") ?? e.labels?.[0]?.textContent ?? e.textContent)(document.activeElement)`

// wantFocus waits for a control to have the focus, and wants to see that.
func (p *tab) wantFocus(name string) {
	p.Helper()
	until(p, name, focusName)
	outline := eval[[]string](p, `(s => [s.outlineStyle, s.outlineWidth])(getComputedStyle(document.activeElement))`)
	if diff := cmp.Diff([]string{"solid", "3px"}, outline); diff != "" {
		p.Errorf("the focus on %q is not visible (-want +got):\n%s", name, diff)
	}
}

// tabTo presses the tabulator until a control has the focus.
func (p *tab) tabTo(name, modifier string) {
	p.Helper()
	var options []chromedp.KeyOption
	if modifier == kb.Shift {
		options = append(options, chromedp.KeyModifiers(chromedp.ModifierShift))
	}
	var seen []string
	for range 40 {
		p.do(chromedp.KeyEvent(kb.Tab, options...))
		at := eval[string](p, focusName)
		if at == name {
			p.wantFocus(name)
			return
		}
		seen = append(seen, at)
	}
	p.Fatalf("the tabulator does not lead to %q, but to %q", name, seen)
}

// testAccessibility reads the pages as assistive technology does.
func testAccessibility(t *testing.T, browser context.Context) {
	field, add := "textbox What is there to do?", "button Add"
	filters := func(all, open, done int) []string {
		return []string{"navigation Filter", fmt.Sprintf("link All %d", all), fmt.Sprintf("link Open %d", open), fmt.Sprintf("link Done %d", done)}
	}
	tests := map[string]struct {
		prepare func(*tab)
		want    []string
	}{
		"empty": {func(*tab) {}, slices.Concat([]string{"status ", "main ", "heading To do", field, add}, filters(0, 0, 0))},
		"list": {func(p *tab) { p.fill("one", "done: two") }, slices.Concat([]string{"status ", "main ", "heading To do", field, add}, filters(2, 1, 1),
			[]string{"list Items", "button Reopen: two", "link Edit: two", "button Delete: two", "button Complete: one", "link Edit: one", "button Delete: one", "button Clear completed"})},
		"refused": {func(p *tab) {
			p.refused = []string{"422 /add"}
			p.click(".add button")
			p.wait(`document.querySelector("#problem")`)
		},
			slices.Concat([]string{"status ", "main ", "heading To do", field, add, "alert "}, filters(0, 0, 0))},
		"editing": {func(p *tab) { p.fill("one"); p.click(".edit"); p.focused("#text") }, slices.Concat([]string{"status ", "main ", "heading To do", field, add}, filters(1, 1, 0),
			[]string{"list Items", "textbox Change the item", "button Save", "link Cancel"})},
		"pages": {func(p *tab) { p.older() }, slices.Concat([]string{"status ", "main ", "heading To do", field, add},
			[]string{"navigation Filter", "link All 100+", "link Open 100+", "link Done 0", "list Items", "button Complete: 1", "link Edit: 1", "button Delete: 1", "navigation Pages", "link Newest items"})},
		"refusal": {func(p *tab) { p.refused = []string{"404 /x"}; p.visit("/x") }, []string{"status ", "main ", "heading Not Found", "navigation ", "link Back to your list"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTab(t, browser, true)
			tt.prepare(p)
			if diff := cmp.Diff(tt.want, p.outline()); diff != "" {
				t.Errorf("what assistive technology is told (-want +got):\n%s", diff)
			}
			until(p, "en", "document.documentElement.lang")
		})
	}
}

// older shows the second page of a long list.
func (p *tab) older() {
	p.Helper()
	var texts []string
	for i := range todo.PageSize + 1 {
		texts = append(texts, fmt.Sprint(i+1))
	}
	p.fill(texts...)
	p.click(".older")
	p.sees(view{Items: []string{"1"}, Counts: "100+ 100+ 0"})
}

// outline is the role and the name of whatever can be used or leads somewhere,
// in order.
func (p *tab) outline() (told []string) {
	p.Helper()
	call(p, accessibility.Enable, struct{}{})
	roles := []string{"alert", "banner", "button", "heading", "link", "list", "main", "navigation", "status", "textbox", "checkbox", "form", "complementary", "contentinfo"}
	nodes := map[accessibility.NodeID]*accessibility.Node{}
	tree := call(p, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes
	for _, n := range tree {
		nodes[n.NodeID] = n
	}
	var walk func(*accessibility.Node)
	walk = func(n *accessibility.Node) {
		if role := axText(p, n.Role); !n.Ignored && slices.Contains(roles, role) {
			told = append(told, role+" "+axText(p, n.Name))
		}
		for _, id := range n.ChildIDs {
			if child := nodes[id]; child != nil {
				walk(child)
			}
		}
	}
	walk(tree[0])
	return told
}

func axText(p *tab, v *accessibility.Value) (text string) {
	p.Helper()
	if v == nil {
		return ""
	}
	if err := json.Unmarshal(v.Value, &text); err != nil {
		p.Fatalf("reading the accessibility tree: %v", err)
	}
	return text
}

// pageStates are the pages that there are, each with all that can be on it.
var pageStates = map[string]func(*tab){
	"empty": func(p *tab) { p.visit("/?show=done") },
	"list":  func(p *tab) { p.fill("one "+strings.Repeat("x", 190), "done: two"); p.visit("/?show=#item-2") },
	"problems": func(p *tab) {
		p.refused = []string{"422 /add"}
		p.fill("one")
		p.paste(strings.Repeat("x", 201))
		p.press(kb.Enter)
		p.wait(`document.querySelector("#problem")`)
	},
	"editing": func(p *tab) {
		p.fill("one "+strings.Repeat("x", 190), "done: two")
		p.click("li:last-child .edit")
		p.focused("#text")
		p.refused = []string{fmt.Sprintf("422 /edit/%d", eval[int](p, `+document.querySelector(".editing").id.slice(5)`))}
		p.paste(strings.Repeat("x", 201))
		p.press(kb.Enter)
		p.wait(`document.querySelector("#edit-problem")`)
		p.press("x") // the counter is back
	},
	"pages":   (*tab).older,
	"refusal": func(p *tab) { p.refused = []string{"404 /x"}; p.visit("/x") },
}

// testLooks looks at every page in every way that visitors have set up.
func testLooks(t *testing.T, browser context.Context) {
	// Without motion, no colour is on its way to another.
	ways := map[string]map[string]string{
		"light":                {"prefers-color-scheme": "light", "prefers-reduced-motion": "reduce"},
		"dark":                 {"prefers-color-scheme": "dark", "prefers-reduced-motion": "reduce"},
		"forced colours":       {"prefers-color-scheme": "light", "prefers-reduced-motion": "reduce", "forced-colors": "active"},
		"forced colours, dark": {"prefers-color-scheme": "dark", "prefers-reduced-motion": "reduce", "forced-colors": "active"},
	}
	for name, prepare := range pageStates {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTab(t, browser, true)
			prepare(p)
			for way, features := range ways {
				p.emulate(features)
				p.wantContrast(way)
			}
			p.emulate(map[string]string{"prefers-reduced-motion": "reduce"})
			until(p, []string{}, `[...document.querySelectorAll("*")].filter(e => { const s = getComputedStyle(e); return s.transitionDuration !== "0s" || s.animationName !== "none" }).map(e => e.outerHTML)`)
			for _, width := range []int64{320, 390, 1200} {
				p.do(chromedp.EmulateViewport(width, 640))
				p.wantRoom(width)
			}
		})
	}
}

func (p *tab) emulate(features map[string]string) {
	p.Helper()
	params := emulation.SetEmulatedMediaParams{}
	for name, value := range features {
		params.Features = append(params.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	call(p, emulation.SetEmulatedMedia, params)
}

// wantRoom wants controls large enough for a finger (WCAG 2.2, 2.5.8) and no
// scrolling to the side (1.4.10).
func (p *tab) wantRoom(width int64) {
	p.Helper()
	until(p, width, "document.documentElement.clientWidth")
	if got := eval[int64](p, "document.documentElement.scrollWidth"); got > width {
		p.Errorf("a window of %d px shows a page of %d px", width, got)
	}
	small := eval[[]string](p, `[...document.querySelectorAll("a, button, input:not([type=hidden])")].filter(e => { const r = e.getBoundingClientRect(); return r.width < 24 || r.height < 24 || r.left < 0 || r.right > innerWidth })
		.map(e => { const r = e.getBoundingClientRect(); return e.outerHTML + " " + r.width + " x " + r.height + " at " + r.x })`)
	if len(small) > 0 {
		p.Errorf("%d px: too small or out of sight:\n%s", width, strings.Join(small, "\n"))
	}
}

// textContrast lists the texts with what their colour is to what is behind them.
const textContrast = `(() => {
	const context = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
	const behind = e => { // paints what is behind a text
		if (e.parentElement) behind(e.parentElement); else paint("Canvas");
		paint(getComputedStyle(e).backgroundColor);
	};
	const paint = colour => { context.fillStyle = colour; context.fillRect(0, 0, 1, 1) };
	const luminance = () => [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map(v => v / 255)
		.map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const contrast = (e, pseudo) => {
		behind(e);
		const back = luminance();
		paint(getComputedStyle(e, pseudo).color);
		const text = luminance();
		return (Math.max(back, text) + 0.05) / (Math.min(back, text) + 0.05);
	};
	const texts = [...document.querySelectorAll("body *")].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.getBoundingClientRect().height > 1);
	return [
		...texts.map(e => ({text: e.textContent, ratio: contrast(e)})),
		...[...document.querySelectorAll("input:not([type=hidden])")].flatMap(e => [{text: e.value, ratio: contrast(e)}, {text: e.placeholder, ratio: contrast(e, "::placeholder")}]),
		...[...document.querySelectorAll("[data-left]")].map(e => ({text: e.dataset.left, ratio: contrast(e, "::after")})),
	];
})()`

// wantContrast wants every text to stand out from what is behind it (WCAG 2.2,
// 1.4.3), and what a control shows from what is around it (1.4.11).
func (p *tab) wantContrast(way string) {
	p.Helper()
	texts := eval[[]struct {
		Text  string
		Ratio float64
	}](p, textContrast)
	if len(texts) == 0 {
		p.Errorf("%s: no texts", way)
	}
	for _, text := range texts {
		if text.Ratio < 4.5 {
			p.Errorf("%s: contrast of %q is %.2f", way, text.Text, text.Ratio)
		}
	}
	whole := p.picture(eval[[]float64](p, "[0, 0, document.documentElement.scrollWidth, document.documentElement.scrollHeight]"))
	for _, box := range eval[[][]int](p, `[...document.querySelectorAll("main a, main button, main input:not([type=hidden])")].map(e => e.getBoundingClientRect()).map(r => [r.x + scrollX, r.y + scrollY, r.right + scrollX, r.bottom + scrollY].map(Math.round))`) {
		if got := contrast(whole, image.Rect(box[0], box[1], box[2], box[3])); got < 3 {
			p.Errorf("%s: the control at %v has a contrast of %.2f", way, box, got)
		}
	}
}

// picture is a part of the page: left, top, width, height.
func (p *tab) picture(box []float64) image.Image {
	p.Helper()
	shot, err := png.Decode(bytes.NewReader(p.shot(box)))
	if err != nil {
		p.Fatal(err)
	}
	return shot
}

// shot is a picture of a part of the page as a PNG file.
func (p *tab) shot(box []float64) []byte {
	p.Helper()
	beyond := true
	return call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{CaptureBeyondViewport: &beyond,
		Clip: &page.Viewport{X: box[0], Y: box[1], Width: box[2], Height: box[3], Scale: 1}}).Data
}

// contrast is that of the lightest and the darkest point of a part of a picture.
func contrast(shown image.Image, part image.Rectangle) float64 {
	low, high := 1.0, 0.0
	linear := func(v uint32) float64 {
		if c := float64(v) / 0xffff; c > 0.04045 {
			return math.Pow((c+0.055)/1.055, 2.4)
		}
		return float64(v) / 0xffff / 12.92
	}
	part = part.Intersect(shown.Bounds())
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			r, g, b, _ := shown.At(x, y).RGBA()
			l := 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
			low, high = min(low, l), max(high, l)
		}
	}
	return (high + 0.05) / (low + 0.05)
}

// testScreenshots writes pictures of the pages into the folder SCREENSHOTS, or
// only takes them.
func testScreenshots(t *testing.T, browser context.Context) {
	folder := os.Getenv("SCREENSHOTS")
	if folder == "" {
		folder = t.TempDir()
	}
	items := []string{"done: Renew the library card", "Book the dentist", "done: Return the borrowed drill", "Find a present for grandmother’s 90th birthday",
		"Take the bicycle in before the first frost, and oil its chain", "done: Water the plants", "Ask the neighbours about the hedge", "Bake bread for Sunday"}
	some := func(p *tab) { p.fill(items...) }
	pictures := map[string]struct {
		width, height int64
		part          []float64 // of the window: without most of the empty margins
		scheme        string
		prepare       func(*tab)
	}{
		"list.png":  {1200, 900, []float64{200, 0, 800, 840}, "light", some},
		"dark.png":  {1200, 900, []float64{200, 0, 800, 840}, "dark", some},
		"phone.png": {390, 844, []float64{0, 0, 390, 844}, "light", some},
		"empty.png": {1200, 900, []float64{200, 0, 800, 560}, "light", func(*tab) {}},
		"editing.png": {1200, 900, []float64{200, 0, 800, 870}, "light", func(p *tab) {
			some(p)
			p.click("li:nth-child(4) .edit")
			p.focused("#text")
			p.refused = []string{fmt.Sprintf("422 /edit/%d", eval[int](p, `+document.querySelector(".editing").id.slice(5)`))}
			p.paste(strings.Repeat(" and oil its chain", 10))
			p.press(kb.Enter)
			p.wait(`document.querySelector("#edit-problem")`)
		}},
	}
	for name, tt := range pictures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newTab(t, browser, true)
			p.do(chromedp.EmulateViewport(tt.width, tt.height))
			p.emulate(map[string]string{"prefers-color-scheme": tt.scheme, "prefers-reduced-motion": "reduce"})
			tt.prepare(p)
			p.do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, 0, 0)) // no control is hovered over
			shot := p.shot(tt.part)
			if len(shot) > 150<<10 {
				t.Errorf("%s has %d bytes", name, len(shot))
			}
			// #nosec G703 -- whoever asks for pictures names their folder
			if err := os.WriteFile(filepath.Join(folder, name), shot, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}
