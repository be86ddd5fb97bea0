package web_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	devlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
)

// TestBrowser visits the pages with a real browser: one process for all, and
// for each test a tab with cookies of its own.
func TestBrowser(t *testing.T) {
	t.Parallel()
	b := startBrowser(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"features":      testFeatures,
		"swapping":      testSwapping,
		"keeping":       testKeeping,
		"keyboard":      testKeyboard,
		"held key":      testHeldKey,
		"accessibility": testAccessibility,
		"looks":         testLooks,
		"screenshots":   testScreenshots,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

// startBrowser starts Chromium for a test and the tests in it.
func startBrowser(t *testing.T) context.Context {
	t.Helper()
	names := []string{"chromium", "chromium-browser", "google-chrome", "chrome"}
	at := slices.IndexFunc(names, func(name string) bool { _, err := exec.LookPath(name); return err == nil })
	if at < 0 {
		const message = "there is no Chromium to visit the pages with: install the package chromium"
		if os.Getenv("CI") == "true" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(names[at]),
		chromedp.NoSandbox, chromedp.DisableGPU, chromedp.Flag("disable-component-update", true))
	ctx, err := openBrowser(t, options)
	if err != nil { // Chromium was seen to crash at its start, once, on a busy machine
		t.Logf("starting %s, the first time: %v", names[at], err)
		ctx, err = openBrowser(t, options)
	}
	if err != nil {
		t.Fatalf("starting %s: %v", names[at], err)
	}
	return ctx
}

func openBrowser(t *testing.T, options []chromedp.ExecAllocatorOption) (context.Context, error) {
	t.Helper()
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeAll := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		closeAll()
		stop()
		return nil, err
	}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("ending the browser: %v", err)
		}
		closeAll()
		stop()
	})
	return ctx, nil
}

// tab is a page of the service in the browser. It wants no complaint of the
// browser but those in refused.
type tab struct {
	*testing.T
	site    *site
	ctx     context.Context
	script  bool
	refused []string // answers that the test provokes: "422 /add", in this order
	offline bool     // the test ends the service

	mu         sync.Mutex
	complaints []string
	answers    []string // those with a status of 400 and more
}

// newTab opens the list of a new visitor.
func newTab(t *testing.T, browser context.Context, script bool) *tab {
	t.Helper()
	p := &tab{T: t, site: newSite(t, nil), script: script}
	ctx, closeTab := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(closeTab)
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatalf("opening a tab: %v", err)
	}
	limited, stop := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	p.ctx = limited
	call(p, devlog.Enable, cdp.Empty{})
	call(p, audits.Enable, cdp.Empty{})
	call(p, network.Enable, network.EnableParams{})
	call(p, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(p, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
	p.visit("/")
	t.Cleanup(p.wantNoComplaints)
	return p
}

// hear keeps what the browser complains of.
func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	complain := func(format string, args ...any) {
		p.complaints = append(p.complaints, fmt.Sprintf(format, args...))
	}
	switch e := event.(type) {
	case *network.EventResponseReceived:
		if e.Response.Status >= 400 {
			at, _ := url.Parse(e.Response.URL)
			p.answers = append(p.answers, fmt.Sprintf("%d %s", e.Response.Status, at.Path))
		}
	case *network.EventLoadingFailed:
		if !e.Canceled {
			complain("failed request: %s %s%s", e.Type, e.ErrorText, e.BlockedReason)
		}
	case *devlog.EventEntryAdded:
		switch {
		case strings.HasPrefix(e.Entry.Text, "Failed to load resource: the server responded with a status of"): // an answer, kept above
		case strings.Contains(e.Entry.Text, "Autofocus processing was blocked because a document's URL has a fragment '#item-"): // as is meant
		case strings.Contains(e.Entry.Text, "Autofocus processing was blocked because a document already has a focused element"): // the keyboard was faster than the page
		default:
			complain("%s log: %s: %s", e.Entry.Source, e.Entry.Level, e.Entry.Text)
		}
	case *runtime.EventConsoleAPICalled:
		for _, a := range e.Args {
			complain("console.%s: %s", e.Type, a.Value)
		}
	case *runtime.EventExceptionThrown:
		complain("exception: %s %s", e.ExceptionDetails.Text, e.ExceptionDetails.Exception.Description)
	case *audits.EventIssueAdded:
		complain("issue: %s %+v", e.Issue.Code, e.Issue.Details)
	}
}

func (p *tab) wantNoComplaints() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if diff := cmp.Diff(p.refused, p.answers); diff != "" {
		p.Errorf("refusals (-want +got):\n%s", diff)
	}
	all := len(p.complaints)
	rest := slices.DeleteFunc(p.complaints, func(c string) bool {
		return p.offline && strings.Contains(c, "net::ERR_CONNECTION_REFUSED")
	})
	if len(rest) > 0 {
		p.Errorf("the browser complains:\n%s", strings.Join(rest, "\n"))
	}
	if p.offline && len(rest) == all {
		p.Error("the browser did not notice that the service is gone")
	}
}

// call sends a command to the tab.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) R {
	p.Helper()
	result, err := chromedp.Call(p.ctx, command, params)
	if err != nil {
		p.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// eval is what an expression is in the page.
func eval[T any](p *tab, expression string) T {
	p.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.Fatalf("evaluating %s: %v", expression, err)
	}
	return value
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

func (p *tab) visit(path string) {
	p.Helper()
	p.do(chromedp.Navigate(p.site.URL + path))
}

// until asks again and again, while pages change and load, until the expression
// is what is wanted, and reports the difference when it does not come to be.
func until[T any](p *tab, want T, expression string) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.ctx, 15*time.Second)
	defer stop()
	ticks := time.NewTicker(10 * time.Millisecond)
	defer ticks.Stop()
	var diff string
	for {
		got, err := chromedp.Run(ctx, chromedp.Evaluate[T](`document.readyState === "complete" ? (`+expression+`) : undefined`))
		if err == nil {
			if diff = cmp.Diff(want, got); diff == "" {
				return
			}
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			p.Fatalf("%s (-want +got):\n%s\n%s", expression, diff, p.story())
		}
	}
}

// story is what the page has done so far, for a failure that was not foreseen.
func (p *tab) story() string {
	said, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](`[location.href, document.getElementById("status")?.textContent,
		...performance.getEntriesByType("resource").map(e => Math.round(e.startTime) + "+" + Math.round(e.duration) + " " + e.initiatorType + " " + e.responseStatus + " " + e.name)].join("\n")`))
	if err != nil {
		return "nothing more can be told: " + err.Error()
	}
	return said
}

// wait waits until a condition holds in the page.
func (p *tab) wait(condition string) {
	p.Helper()
	until(p, true, "Boolean("+condition+")")
}

// view is what a visitor sees of a list.
type view struct {
	Title   string
	Items   []string // those that are done begin with "done: "
	Counts  string   // all, open, done
	Problem string   // beside a field
	Says    string   // in place of a list
}

const viewExpression = `({
	Title: document.title,
	Items: [...document.querySelectorAll(".items li")].map(e => (e.classList.contains("done") ? "done: " : "") + (e.querySelector(".text")?.textContent ?? "editing: " + e.querySelector("input").value)),
	Counts: [...document.querySelectorAll(".count")].map(e => e.textContent).join(" "),
	Problem: document.querySelector(".problem")?.textContent ?? "",
	Says: document.querySelector(".empty p, h1.refusal")?.textContent ?? "",
})`

// sees waits until the page is as wanted.
func (p *tab) sees(want view) {
	p.Helper()
	if want.Title == "" {
		want.Title = "To do"
	}
	if want.Items == nil {
		want.Items = []string{}
	}
	until(p, want, viewExpression)
}

// fill puts items on the visitor's list, the last on top, and shows them. Those
// that begin with "done: " are done.
func (p *tab) fill(texts ...string) {
	p.Helper()
	list := p.list()
	for _, text := range texts {
		text, done := strings.CutPrefix(text, "done: ")
		item, err := p.site.store.Add(p.ctx, list, text)
		if err == nil && done {
			err = p.site.store.Complete(p.ctx, list, item.ID)
		}
		if err != nil {
			p.Fatal(err)
		}
	}
	p.visit("/")
	p.mark()
}

// list is the visitor's.
func (p *tab) list() todo.ListID {
	p.Helper()
	cookies := call(p, network.GetCookies, network.GetCookiesParams{}).Cookies
	if len(cookies) != 1 {
		p.Fatalf("the browser has %d cookies, want 1", len(cookies))
	}
	id, _, _ := strings.Cut(cookies[0].Value, ".")
	return todo.ListID(id)
}

// point is where the middle of a control is, scrolled to, once nothing covers it.
func (p *tab) point(control string) (x, y float64) {
	p.Helper()
	found := fmt.Sprintf("document.querySelector(%q)", control)
	p.wait(found)
	at := eval[[]float64](p, `(e => { e.scrollIntoView({block: "center", behavior: "instant"}); const r = e.getBoundingClientRect(); return [r.x + r.width/2, r.y + r.height/2] })(`+found+`)`)
	p.wait(fmt.Sprintf("(e => e.contains(document.elementFromPoint(%f, %f)))(%s)", at[0], at[1], found))
	return at[0], at[1]
}

// click clicks on a control, times in a row.
func (p *tab) click(control string, times ...int64) {
	p.Helper()
	x, y := p.point(control)
	p.do(chromedp.MouseClickXY(x, y))
	for _, n := range times {
		p.do(chromedp.MouseClickXY(x, y, chromedp.ClickCount(int(n))))
	}
}

// press presses keys, one after another.
func (p *tab) press(keys string) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// paste puts a text where the caret is.
func (p *tab) paste(text string) {
	p.Helper()
	call(p, input.InsertText, input.InsertTextParams{Text: text})
}

// focused waits until a control has the focus.
func (p *tab) focused(control string) {
	p.Helper()
	p.wait(fmt.Sprintf("document.activeElement === document.querySelector(%q)", control))
}
