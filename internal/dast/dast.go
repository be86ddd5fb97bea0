// Package dast checks a running service by requests, as a stranger's browser
// could make them: that it answers, that its answers carry the headers which
// keep browsers safe, and that its forms cannot be submitted from elsewhere.
//
// It looks at HTML. What a page's scripts would request it does not see.
package dast

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// stage is the name of the job, of its stage and of the tool.
const stage = "dast"

// Bounds on what a service can make the check do.
const (
	maxBody      = 4 << 20   // bytes of one answer's body
	maxHeader    = 256 << 10 // bytes of one answer's header
	maxRequests  = 400
	maxRedirects = 5
	maxPages     = 50
	maxForms     = 20
	maxFields    = 1000 // of one form
	maxLinks     = 1000 // of one page
	maxRoute     = 2    // forms submitted before the one that is checked
	maxNotes     = 20
	maxFindings  = 200
)

// Options are the settings of a check. The zero value is what a service of
// Sluice's is held to.
type Options struct {
	Health   string        // path that answers 200 while the service is well; "" is /health
	Timeout  time.Duration // of one request with its answer; 0 is ten seconds
	Version  string        // of the check, for the report
	Cache    string        // folder in which a passed self-test is kept; "" does it each time
	Progress func(string)  // is told what is being done; may be nil
	Log      io.Writer     // gets a line for every request; may be nil
}

func (o Options) withDefaults() Options {
	if o.Health == "" {
		o.Health = "/health"
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	return o
}

// Check checks the service at base, whose path, query and fragment are ignored,
// after it has proved on a flawed site of its own that it finds flaws. It
// submits the service's forms, which can leave entries that say "sluice dast
// check".
//
// A service that cannot be reached is an error. One that stops answering, or a
// form that could not be checked, is told in the report's NotRun, beside the
// findings made until then.
func Check(ctx context.Context, base *url.URL, opts Options) (pipeline.Report, error) {
	opts = opts.withDefaults()
	origin, err := originOf(base)
	if err != nil {
		return pipeline.Report{}, err
	}
	opts.Progress("checking the check itself")
	proof, err := opts.prove(ctx)
	if err != nil {
		return pipeline.Report{}, fmt.Errorf("checking the check itself: %w", err)
	}
	r, err := check(ctx, origin, opts)
	r.SelfTest = &proof
	return r, err
}

func originOf(base *url.URL) (*url.URL, error) {
	if (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "" {
		return nil, hint.With(fmt.Errorf("%q is no address of a web service", base.Redacted()), "give one like http://127.0.0.1:8080")
	}
	if base.User != nil {
		return nil, hint.With(errors.New("the address has a user name in it, and the check signs in nowhere"), "leave the user name out")
	}
	return &url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/"}, nil
}

func check(ctx context.Context, base *url.URL, opts Options) (pipeline.Report, error) {
	c := newChecker(ctx, base, opts)
	defer c.transport.CloseIdleConnections()
	if err := c.answers(); err != nil {
		return pipeline.Report{}, hint.With(err, "see that the service runs and answers at "+base.String())
	}
	err := c.crawl()
	if err == nil {
		err = c.checkForms()
	}
	if err != nil {
		c.unproven(err.Error())
	}
	return c.report(), ctx.Err()
}

// answers checks that the service answers at all.
func (c *checker) answers() error {
	c.opts.Progress("asking for / and " + c.opts.Health)
	s := c.newSession()
	if err := c.visit(s, &url.URL{Path: "/"}); err != nil {
		return fmt.Errorf("asking %s: %w", c.base, err)
	}
	health, err := c.do(s, request{method: "GET", url: c.base.ResolveReference(&url.URL{Path: c.opts.Health})})
	if err != nil {
		return fmt.Errorf("asking %s: %w", c.base, err)
	}
	if health.status != 200 {
		c.find(healthUnavailable, health.place(), "", fmt.Sprintf("%s answers %d in place of 200", c.opts.Health, health.status))
	}
	return nil
}
