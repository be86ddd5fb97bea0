package vulndb

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// site is where the Go project serves its database.
const site = "https://vuln.go.dev"

const (
	// connectLimit is short, because where only a module proxy is in reach
	// every look for newer data waits for it.
	connectLimit = 3 * time.Second
	headerLimit  = 15 * time.Second
	maxArchive   = 64 << 20
	maxRedirects = 3
)

// newClient is a client that does not wait long for a site that is not there.
func newClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: connectLimit}).DialContext,
			TLSHandshakeTimeout:   connectLimit,
			ResponseHeaderTimeout: headerLimit,
			DisableKeepAlives:     true,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("more than %d redirections", maxRedirects)
			}
			return checkURL(r.URL)
		},
	}
}

// checkURL lets through what cannot be changed on its way: https, and http
// that does not leave this machine.
func checkURL(u *url.URL) error {
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return fmt.Errorf("%s is no https URL", u.Redacted())
	}
	return nil
}

// archiveURL is where a site's database lies as one file.
func archiveURL(source string) (*url.URL, error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, errors.New("the address of the vulnerability data is no URL") // not repeated: it may hold a password
	}
	if !strings.HasSuffix(u.Path, ".zip") {
		u = u.JoinPath("vulndb.zip")
	}
	return u, checkURL(u)
}

// fetchSite gets the database from a site.
func (s Scanner) fetchSite(ctx context.Context, source string) (_ *data, origin string, err error) {
	u, err := archiveURL(source)
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("getting %s: %w", u.Redacted(), withoutURL(err))
		}
	}()
	archive, err := s.download(ctx, u)
	if err != nil {
		return nil, "", err
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, "", err
	}
	d, err := read(z, time.Time{})
	return d, u.Redacted(), err
}

// withoutURL takes away what net/http puts before the cause: the caller says it.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (s Scanner) download(ctx context.Context, u *url.URL) (_ []byte, err error) {
	client := s.client
	if client == nil {
		client = newClient()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer is %.80q", resp.Status)
	}
	archive, err := io.ReadAll(io.LimitReader(resp.Body, maxArchive+1))
	if err != nil {
		return nil, err
	}
	if len(archive) > maxArchive {
		return nil, fmt.Errorf("the answer has more than %d bytes", maxArchive)
	}
	return archive, nil
}

// fetchFolder reads a database from a folder.
func fetchFolder(dir string) (_ *data, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the vulnerability data: %w", err)
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	d, err := read(root.FS(), time.Time{})
	if err != nil {
		return nil, fmt.Errorf("reading the vulnerability data in %s: %w", dir, err)
	}
	return d, nil
}
