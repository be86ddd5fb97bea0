package store

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"

	"cloud.google.com/go/cloudsqlconn"
	"github.com/go-sql-driver/mysql"
)

// cloudSQL makes a configuration dial an instance of Cloud SQL: by TLS with a
// certificate that Google's API gives out for an hour, so nothing but a role
// of the service account is needed, and no password when Password is "".
func (c MySQL) cloudSQL(m *mysql.Config) (*connector, error) {
	parts := strings.Split(c.Instance, ":")
	if len(parts) < 3 || len(parts) > 4 || slices.Contains(parts, "") { // four for a project of a domain
		return nil, fmt.Errorf("%w: an instance is named project:region:name, not %q", errSettings, c.Instance)
	}
	// No refresh in the background: Cloud Run takes the processor away between requests.
	options := []cloudsqlconn.Option{cloudsqlconn.WithLazyRefresh()}
	if c.Password == "" {
		options = append(options, cloudsqlconn.WithIAMAuthN())
	}
	d := &connector{instance: c.Instance, options: options, below: new(net.Dialer).DialContext}
	if c.PrivateIP {
		d.dial = append(d.dial, cloudsqlconn.WithPrivateIP())
	}
	m.AllowCleartextPasswords = true // inside of the connector's TLS
	m.Net, m.Addr = "tcp", c.Instance
	m.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) { return d.connect(ctx) }
	return d, nil
}

// connector dials an instance. Its dialer is made when it is first needed:
// that asks for credentials, which may be out of reach at the start.
type connector struct {
	instance string
	options  []cloudsqlconn.Option
	dial     []cloudsqlconn.DialOption
	below    func(ctx context.Context, network, address string) (net.Conn, error)

	mu     sync.Mutex
	dialer *cloudsqlconn.Dialer
}

func (d *connector) get() (*cloudsqlconn.Dialer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dialer != nil {
		return d.dialer, nil
	}
	// The context of a call would be kept by the dialer, for longer than the call.
	dialer, err := cloudsqlconn.NewDialer(context.Background(), d.options...)
	if err != nil {
		return nil, fmt.Errorf("preparing to reach instance %s: %w", d.instance, err)
	}
	d.dialer = dialer
	return dialer, nil
}

func (d *connector) connect(ctx context.Context) (net.Conn, error) {
	dialer, err := d.get()
	if err != nil {
		return nil, err
	}
	var below net.Conn
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		below, err = d.below(ctx, network, address)
		return below, err
	}
	options := append(slices.Clip(d.dial), cloudsqlconn.WithOneOffDialFunc(dial))
	conn, err := dialer.Dial(ctx, d.instance, options...)
	if err != nil {
		return nil, fmt.Errorf("reaching instance %s: %w", d.instance, err)
	}
	return probed{conn, below}, nil
}

// probed is a TLS connection that shows the one below it. The driver looks
// there whether the server has hung up, before it sends something to nobody.
type probed struct {
	net.Conn
	below net.Conn
}

// SyscallConn implements [syscall.Conn].
func (p probed) SyscallConn() (syscall.RawConn, error) {
	c, ok := p.below.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("a %T cannot be probed", p.below)
	}
	return c.SyscallConn()
}

// Close implements [io.Closer].
func (d *connector) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dialer == nil {
		return nil
	}
	return d.dialer.Close()
}
