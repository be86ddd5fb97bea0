package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// Live draws the stages of a run in place, on a terminal.
type Live struct {
	Style
	W     io.Writer
	Width func() int // of the terminal, in characters

	mu     sync.Mutex
	start  time.Time
	rows   []*liveRow
	drawn  int // lines that are on the screen
	ticker *time.Ticker
	stop   chan struct{}
	gone   sync.WaitGroup
}

// liveRow is a stage on the screen.
type liveRow struct {
	stage  string
	jobs   []string
	began  time.Time // zero until it starts
	doing  string
	result *pipeline.Result
}

// frame is how often the screen is drawn anew while nothing happens.
const frame = 100 * time.Millisecond

// Handle is the pipeline.Handler.
func (l *Live) Handle(e pipeline.Event) {
	l.mu.Lock()
	switch e.Kind {
	case pipeline.RunStarted:
		l.begin(e)
	case pipeline.JobStarted:
		l.each(e.Job, func(r *liveRow) { r.began = time.Now() })
	case pipeline.Progress:
		l.each(e.Job, func(r *liveRow) { r.doing = e.Text })
	case pipeline.StageFinished:
		for _, r := range l.rows {
			if r.stage == e.Stage.Stage {
				r.result = e.Stage
			}
		}
	}
	if e.Kind != pipeline.Progress { // the next frame shows it
		l.draw()
	}
	l.mu.Unlock()
	if e.Kind == pipeline.RunFinished {
		close(l.stop)
		l.gone.Wait()
		l.ticker.Stop()
		fmt.Fprint(l.W, "\x1b[?25h")
	}
}

func (l *Live) begin(e pipeline.Event) {
	l.start = time.Now()
	for _, p := range e.Plan {
		for _, stage := range p.Stages {
			if i := slices.IndexFunc(l.rows, func(r *liveRow) bool { return r.stage == stage }); i >= 0 {
				l.rows[i].jobs = append(l.rows[i].jobs, p.Job) // a part of it
				continue
			}
			l.rows = append(l.rows, &liveRow{jobs: []string{p.Job}, stage: stage})
		}
	}
	fmt.Fprint(l.W, "\x1b[?25l")
	l.ticker, l.stop = time.NewTicker(frame), make(chan struct{})
	l.gone.Go(func() {
		for {
			select {
			case <-l.stop:
				return
			case <-l.ticker.C:
				l.mu.Lock()
				l.draw()
				l.mu.Unlock()
			}
		}
	})
}

func (l *Live) each(job string, f func(*liveRow)) {
	for _, r := range l.rows {
		if slices.Contains(r.jobs, job) {
			f(r)
		}
	}
}

// draw puts the rows over those that are there. One write, so that nothing
// flickers.
func (l *Live) draw() {
	var b bytes.Buffer
	if l.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", l.drawn)
	}
	width := l.Width()
	for _, r := range l.rows {
		b.WriteString(strings.TrimRight(l.line(r, width), " ") + "\x1b[K\n")
	}
	l.drawn = len(l.rows)
	_, _ = l.W.Write(b.Bytes()) // a terminal that is gone is no reason to stop
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func (l *Live) line(r *liveRow, width int) string {
	switch {
	case r.result != nil:
		return l.row(*r.result, width)
	case r.began.IsZero():
		return l.paint(dim, fmt.Sprintf("  %-*s  %s", stageWidth, r.stage, "waiting"))
	}
	turn := spinner[int(time.Since(l.start)/frame)%len(spinner)]
	head := fmt.Sprintf("  %-*s  %s %-12s  %9s  ", stageWidth, r.stage, turn, "running", seconds(time.Since(r.began).Round(frame)))
	return l.paint(cyan, head) + clip(oneLine(r.doing), width-len([]rune(head)))
}

// Plain writes a line for each thing that is worth one: for logs and pipes.
type Plain struct {
	W     io.Writer
	Style Style

	began map[string]time.Time // by job
	told  map[string]time.Time // by job, when its progress was last told
}

// quiet is how long a job must have been silent for its progress to be told.
const quiet = 5 * time.Second

// Handle is the pipeline.Handler.
func (p *Plain) Handle(e pipeline.Event) {
	if p.told == nil {
		p.told, p.began = map[string]time.Time{}, map[string]time.Time{}
	}
	switch e.Kind {
	case pipeline.JobStarted:
		p.told[e.Job], p.began[e.Job] = time.Now(), time.Now()
	case pipeline.Progress:
		if time.Since(p.told[e.Job]) >= quiet {
			p.told[e.Job] = time.Now()
			fmt.Fprintf(p.W, "  %-*s  %-14s  %9s  %s\n", stageWidth, e.Job, "…", seconds(time.Since(p.began[e.Job])), oneLine(e.Text))
		}
	case pipeline.StageFinished:
		fmt.Fprintln(p.W, p.Style.row(*e.Stage, 0))
	}
}

// Handlers is a handler that hands each event to several.
func Handlers(all ...pipeline.Handler) pipeline.Handler {
	all = slices.DeleteFunc(all, func(h pipeline.Handler) bool { return h == nil })
	return func(e pipeline.Event) {
		for _, h := range all {
			h(e)
		}
	}
}
