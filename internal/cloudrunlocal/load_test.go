package cloudrunlocal

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// client is how one of the clients asks.
type client struct {
	keepAlive bool
	post      bool
}

// TestReplaceUnderLoad moves the traffic thirty times while 32 clients ask.
func TestReplaceUnderLoad(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	url := serving(t, c, "VERSION=0").ServiceURL
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	var answered, versions atomic.Int64
	failures := make(chan error, 32)
	for n := range 32 {
		kind := client{keepAlive: n%2 == 0, post: n%4 > 1}
		all.Go(func() {
			if err := kind.load(ctx, url, &answered, &versions); err != nil {
				failures <- fmt.Errorf("%+v: %w", kind, err)
			}
		})
	}
	for v := range 30 {
		before := answered.Load()
		serving(t, c, fmt.Sprintf("VERSION=%d", v+1))
		eventually(t, "the clients are answered", func() bool { return answered.Load() > before+64 || len(failures) > 0 })
	}
	cancel()
	all.Wait()
	close(failures)
	for err := range failures {
		t.Error(err)
	}
	if versions.Load() < 30 {
		t.Errorf("the clients saw %d changes of version, want at least 30", versions.Load())
	}
	t.Logf("%d requests answered", answered.Load())
}

// load asks until the context ends. Every answer must be whole and right.
func (k client) load(ctx context.Context, url string, answered, versions *atomic.Int64) error {
	t := &http.Transport{DisableKeepAlives: !k.keepAlive}
	defer t.CloseIdleConnections()
	last := ""
	for n := 0; ctx.Err() == nil; n++ {
		body := strings.Repeat(fmt.Sprint(n, "-"), 1+n%5000)
		got, err := k.ask(&http.Client{Transport: t}, url, body)
		if err != nil {
			return fmt.Errorf("request %d: %w", n, err)
		}
		if k.post && got != body {
			return fmt.Errorf("request %d: sent %d bytes, got %d back", n, len(body), len(got))
		}
		if !k.post && got != last {
			last = got
			versions.Add(1)
		}
		answered.Add(1)
	}
	return nil
}

func (k client) ask(c *http.Client, url, body string) (string, error) {
	var resp *http.Response
	var err error
	if k.post {
		resp, err = c.Post(url+"/echo", "text/plain", io.NopCloser(strings.NewReader(body))) // of unknown length: nobody can repeat it
	} else {
		resp, err = c.Get(url)
	}
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %s: %s", resp.Status, got)
	}
	return string(got), err
}
