package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/internal/mariadbtest"
)

// settings are the environment for a MySQL database.
func settings(t *testing.T, c mariadbtest.Config, more ...string) []string {
	t.Helper()
	return append([]string{
		"PORT=0", "RATE_LIMIT=0", "DATA_DIR=" + t.TempDir(), "DB_HOST=" + c.Addr, "DB_USER=" + c.User, "DB_PASS=" + c.Password, "DB_NAME=" + c.Database,
	}, more...)
}

// hasty gives up on an answer after a time that is longer than the service may
// take to say that its database is away, and shorter than a frozen one lasts.
func hasty() *http.Client { return &http.Client{Timeout: 15 * time.Second} }

// becomes asks until the status is the one wanted, or the test is out of patience.
func (p *process) becomes(t *testing.T, path string, want int) {
	t.Helper()
	end := time.Now().Add(patient)
	for time.Now().Before(end) {
		if status, _ := p.get(t, hasty(), path); status == want {
			return
		}
	}
	t.Fatalf("GET %s did not become %d", path, want)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDatabaseAbsentAtStart starts the service first.
func TestDatabaseAbsentAtStart(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	c := server.NewDatabase(t)
	must(t, server.Kill())
	p := start(t, settings(t, c)...)
	for path, want := range map[string]int{"/": 503, "/health/ready": 503, "/health": 503, "/health/live": 200} {
		if status, _ := p.get(t, hasty(), path); status != want {
			t.Errorf("GET %s without the database: status %d, want %d", path, status, want)
		}
	}
	must(t, server.Restart())
	p.becomes(t, "/health/ready", 200)
	client, token := p.visitor(t)
	if !add(client, p.url, token) {
		t.Error("an item cannot be added once the database is there")
	}
}

// TestDatabaseFrozen asks many times at once, as users do.
func TestDatabaseFrozen(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	p := start(t, settings(t, server.NewDatabase(t))...)
	p.becomes(t, "/health/ready", 200)
	client, token := p.visitor(t)
	client.Timeout = hasty().Timeout
	must(t, server.Freeze())
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if i%2 == 0 {
				if add(client, p.url, token) {
					t.Error("a frozen database acknowledged an item")
				}
				return
			}
			response, err := client.Get(p.url) //nolint:noctx // the client has a timeout
			if err != nil {
				t.Error(err)
				return
			}
			if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, Retry-After %q, %v; want 503", response.StatusCode, response.Header.Get("Retry-After"), err)
			}
		})
	}
	wg.Wait()
	p.becomes(t, "/health/ready", 503)
	if status, _ := p.get(t, hasty(), "/health/live"); status != http.StatusOK {
		t.Errorf("liveness: status %d", status)
	}
	must(t, server.Thaw())
	if status, _ := p.get(t, client, "/"); status != http.StatusOK {
		t.Errorf("the first request after the thaw: status %d", status)
	}
	p.becomes(t, "/health/ready", 200)
}

// TestDatabaseRestarted wants no failed request once the database is back.
func TestDatabaseRestarted(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	p := start(t, settings(t, server.NewDatabase(t))...)
	p.becomes(t, "/health/ready", 200)
	client, token := p.visitor(t)
	for range 3 {
		must(t, server.Kill())
		must(t, server.Restart())
		if status, _ := p.get(t, client, "/"); status != http.StatusOK || !add(client, p.url, token) {
			t.Fatalf("the first requests after a restart: status %d, or not added", status)
		}
	}
}

// TestNothingAcknowledgedIsLostInMySQL kills the database under load, and then
// the service, and counts.
func TestNothingAcknowledgedIsLostInMySQL(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	c := server.NewDatabase(t)
	p := start(t, settings(t, c, "MAX_ITEMS=100000")...)
	p.becomes(t, "/health/ready", 200)
	type count struct{ acknowledged, tried int }
	counts := map[todo.ListID]*count{}
	var wg sync.WaitGroup
	underway := make(chan struct{}, 8)
	stop := make(chan struct{})
	for range cap(underway) {
		client, token := p.visitor(t)
		n := &count{}
		counts[p.list(t, client)] = n
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				n.tried++
				if add(client, p.url, token) {
					if n.acknowledged++; n.acknowledged == 10 {
						underway <- struct{}{}
					}
				}
			}
		})
	}
	for range cap(underway) {
		<-underway
	}
	must(t, server.Kill())
	must(t, server.Restart())
	p.becomes(t, "/health/ready", 200)
	p.stop(t, os.Kill)
	close(stop)
	wg.Wait()
	db := server.DB(t, c.Database)
	for list, n := range counts {
		var got int
		must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM todos WHERE list = ?`, list).Scan(&got))
		if got < n.acknowledged || got > n.tried {
			t.Errorf("a list has %d items, %d were acknowledged of %d tried", got, n.acknowledged, n.tried)
		}
	}
}

// TestTwoInstancesOnAnEmptyDatabase start at once.
func TestTwoInstancesOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	c := server.NewDatabase(t)
	instances := make([]*process, 3)
	key := "SESSION_KEYS=" + fmt.Sprintf("%044d", 0)[:43] + "="
	for i := range instances {
		instances[i] = newProcess(t, settings(t, c, key)...)
	}
	for _, p := range instances {
		p.url = "http://" + p.await(t, "App started")["address"].(string)
		p.becomes(t, "/health/ready", 200)
	}
	client, token := instances[0].visitor(t)
	for _, p := range instances {
		if !add(client, p.url, token) {
			t.Error("an instance does not take an item of a session of another")
		}
	}
	if out, err := newCommand(t, []string{"migrate"}, settings(t, c)...).CombinedOutput(); err != nil {
		t.Errorf("todo migrate where there is nothing to do: %v\n%s", err, out)
	}
	instances[0].stop(t, syscall.SIGTERM)
}
