package store

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/cloudsqlconn"
	"golang.org/x/oauth2"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/internal/mariadbtest"
)

// google plays Google's part: the API that gives out certificates, and the
// proxy in front of an instance that wants one.
type google struct {
	t      *testing.T
	key    *ecdsa.PrivateKey
	ca     *x509.Certificate
	host   string
	logins atomic.Int64 // certificates that carry a token to log in with
	proxy  net.Listener
	behind string
}

func newGoogle(t *testing.T, behind string) *google {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	g := &google{t: t, key: key, host: "instance.example.com", behind: behind}
	g.ca = g.certificate(key.Public(), &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	server := g.certificate(serverKey.Public(), &x509.Certificate{DNSNames: []string{g.host}, KeyUsage: x509.KeyUsageDigitalSignature})
	clients := x509.NewCertPool()
	clients.AddCert(g.ca)
	g.proxy, err = tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients,
		Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
	})
	check(t, err)
	t.Cleanup(func() { _ = g.proxy.Close() })
	go g.serve()
	return g
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (g *google) certificate(key crypto.PublicKey, c *x509.Certificate) *x509.Certificate {
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	c.Subject = pkix.Name{CommonName: "test"}
	c.NotBefore, c.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	parent := g.ca
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, g.key)
	check(g.t, err)
	made, err := x509.ParseCertificate(der)
	check(g.t, err)
	return made
}

func inPEM(c *x509.Certificate) map[string]any {
	return map[string]any{
		"cert":           string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})),
		"expirationTime": c.NotAfter.Format(time.RFC3339),
	}
}

// ServeHTTP is the part of the SQL Admin API that the connector uses.
func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var answer map[string]any
	switch path := "/sql/v1beta4/projects/project/instances/name"; r.URL.Path {
	case path + "/connectSettings":
		answer = map[string]any{
			"backendType": "SECOND_GEN", "databaseVersion": "MYSQL_8_0", "region": "region", "serverCaMode": "GOOGLE_MANAGED_CAS_CA",
			"dnsName": g.host, "serverCaCert": inPEM(g.ca), "ipAddresses": []map[string]string{
				{"type": "PRIMARY", "ipAddress": "192.0.2.1"}, {"type": "PRIVATE", "ipAddress": "192.0.2.2"},
			},
		}
	case path + ":generateEphemeralCert":
		answer = map[string]any{"ephemeralCert": g.clientCertificate(r.Body)}
	default:
		http.NotFound(w, r)
		return
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		g.t.Error(err)
	}
}

func (g *google) clientCertificate(body io.Reader) map[string]any {
	var request struct {
		PublicKey   string `json:"public_key"`
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(body).Decode(&request); err != nil {
		g.t.Error(err)
	}
	if request.AccessToken == "login" {
		g.logins.Add(1)
	}
	block, _ := pem.Decode([]byte(request.PublicKey))
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		g.t.Error(err)
	}
	return inPEM(g.certificate(key, &x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature}))
}

// serve passes what comes through TLS on to the database.
func (g *google) serve() {
	for {
		conn, err := g.proxy.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close() //nolint:errcheck // either side may hang up
			db, err := net.Dial("tcp", g.behind)
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(db, conn)
				_ = db.Close()
			}()
			_, _ = io.Copy(conn, db)
		}()
	}
}

// TestCloudSQL reaches a database as it would an instance of Cloud SQL, by its
// public and private address, with a password and with a service account.
func TestCloudSQL(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	t.Run("password", func(t *testing.T) {
		c := server.NewDatabase(t)
		m := MySQL{Instance: "project:region:name", User: c.User, Password: c.Password, Database: c.Database}
		reachCloudSQL(t, server, c.Addr, m, "192.0.2.1:3307", 0)
	})
	t.Run("service account", func(t *testing.T) {
		c := server.NewDatabase(t)
		server.DB(t, "mysql", `CREATE USER service IDENTIFIED BY ''`, `GRANT ALL ON `+c.Database+`.* TO service`)
		m := MySQL{Instance: "project:region:name", PrivateIP: true, User: "service", Database: c.Database}
		reachCloudSQL(t, server, c.Addr, m, "192.0.2.2:3307", 1)
	})
}

func reachCloudSQL(t *testing.T, server *mariadbtest.Server, behind string, m MySQL, address string, logins int64) {
	g := newGoogle(t, behind)
	api := httptest.NewServer(g)
	t.Cleanup(api.Close)
	db, err := newMySQL(m, 10*time.Second)
	check(t, err)
	d := db.dialer.(*connector)
	var dialled atomic.Pointer[string]
	d.below = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialled.Store(&address)
		return new(net.Dialer).DialContext(ctx, network, g.proxy.Addr().String())
	}
	token := func(s string) oauth2.TokenSource {
		return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: s, Expiry: time.Now().Add(time.Hour)})
	}
	d.options = append(d.options, cloudsqlconn.WithAdminAPIEndpoint(api.URL), cloudsqlconn.WithHTTPClient(api.Client()))
	if logins > 0 {
		d.options = append(d.options, cloudsqlconn.WithIAMAuthNTokenSources(token("api"), token("login")))
	} else {
		d.options = append(d.options, cloudsqlconn.WithTokenSource(token("api")))
	}
	check(t, db.migrate(t.Context()))
	s := &Store{options: Options{Limit: time.Minute}.withDefaults(), db: db, ready: isReady()}
	t.Cleanup(func() { check(t, s.Close()) })
	text := strings.Repeat("🪴", todo.MaxText)
	_, err = s.Add(t.Context(), "a", text)
	check(t, err)
	check(t, server.Kill())
	check(t, server.Restart())
	_, err = s.Add(t.Context(), "a", "at the first attempt")
	check(t, err)
	p, err := s.Page(t.Context(), "a", todo.Query{})
	if err != nil || len(p.Items) != 2 || p.Items[1].Text != text {
		t.Errorf("after a restart: %v, %v", p, err)
	}
	if got := *dialled.Load(); got != address {
		t.Errorf("dialled %s, want %s", got, address)
	}
	if got := g.logins.Load(); got != logins {
		t.Errorf("%d certificates to log in with, want %d", got, logins)
	}
}
