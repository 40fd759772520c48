// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spanbridge/spanbridge/bridge"
	"github.com/spanbridge/spanbridge/exporters/otlp/otlptest"
)

// authority signs certificates for a test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // its own certificate
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert = &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	der := a.sign(a.cert, a.key)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = a.write("ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	a.t.Helper()
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	file := filepath.Join(a.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}

// pair writes a certificate and its key and returns both file names.
func (a *authority) pair(name string, template *x509.Certificate) (certificate, key string) {
	a.t.Helper()
	private := newKey(a.t)
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.write(name+".pem", "CERTIFICATE", a.sign(template, private)), a.write(name+".key", "EC PRIVATE KEY", der)
}

func (a *authority) serverTLS(template *x509.Certificate) *tls.Config {
	a.t.Helper()
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	pair, err := tls.LoadX509KeyPair(a.pair("server", template))
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "http/1.1"}, MinVersion: tls.VersionTLS12}
}

func loopback() *x509.Certificate {
	return &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func TestTLSDelivers(t *testing.T) {
	ca := newAuthority(t, "collectors")
	clients := newAuthority(t, "clients")
	server := ca.serverTLS(loopback())
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, clients.pool()
	certificate, key := clients.pair("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err := os.Chmod(key, 0o640); err != nil { // readable for a group
		t.Fatal(err)
	}
	sink := otlptest.Start(t, otlptest.Options{TLS: server})
	for _, p := range allProtocols {
		t.Run(string(p), func(t *testing.T) {
			c := configFor(p, sink)
			c.CertificateFile, c.ClientCertificateFile, c.ClientKeyFile = ca.file, certificate, key
			c.Insecure = true // means nothing with https
			r := newRig(t, c)
			r.export(t, 10)
			r.close(t, patient, acked(10))
		})
	}
}

func TestTLSRefusesAndNeverFallsBackToPlaintext(t *testing.T) {
	ca, other := newAuthority(t, "collectors"), newAuthority(t, "others")
	expired := loopback()
	expired.NotBefore, expired.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	mutual := ca.serverTLS(loopback())
	mutual.ClientAuth, mutual.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	strangerCert, strangerKey := other.pair("client", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	tests := map[string]struct {
		server *tls.Config // nil: plaintext
		change func(*Config)
		line   string
	}{
		"an authority that is not ours": {ca.serverTLS(loopback()), func(c *Config) { c.CertificateFile = other.file }, "unknown authority"},
		"system roots only":             {ca.serverTLS(loopback()), func(c *Config) { c.CertificateFile = "" }, "unknown authority"},
		"another host":                  {ca.serverTLS(&x509.Certificate{DNSNames: []string{"elsewhere.example"}}), nil, "x509: "},
		"an expired certificate":        {ca.serverTLS(expired), nil, "expired"},
		"no client certificate":         {mutual, nil, "cannot deliver"},
		"a stranger's client certificate": {mutual, func(c *Config) {
			c.ClientCertificateFile, c.ClientKeyFile = strangerCert, strangerKey
		}, "cannot deliver"},
		"a server without TLS": {nil, nil, "it speaks plaintext there: use http://"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sink := otlptest.Start(t, otlptest.Options{TLS: test.server})
			for _, p := range allProtocols {
				t.Run(string(p), func(t *testing.T) {
					c := configFor(p, sink)
					c.Endpoint = "https://" + strings.SplitN(c.Endpoint, "://", 2)[1]
					c.CertificateFile, c.MaxElapsed = ca.file, 100*time.Millisecond
					if test.change != nil {
						test.change(&c)
					}
					r := newRig(t, c)
					r.export(t, 10)
					waitFor(t, func() bool { return r.tally.Counts().Queued == 0 })
					r.close(t, time.Second, retried(dropped(bridge.DropExpired, 10), anyRetries))
					if r.lines.count(test.line) != 1 {
						t.Errorf("lines: %q", r.lines.all())
					}
				})
			}
			if n := len(sink.Calls()); n != 0 {
				t.Errorf("%d requests arrived", n)
			}
		})
	}
}

func TestBadCertificateFiles(t *testing.T) {
	ca := newAuthority(t, "collectors")
	certificate, key := ca.pair("client", &x509.Certificate{})
	_, foreignKey := ca.pair("foreign", &x509.Certificate{})
	_, openKey := ca.pair("open", &x509.Certificate{})
	if err := os.Chmod(openKey, 0o644); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing.pem")
	tests := map[string]struct{ ca, certificate, key, want string }{
		"no such authority":          {missing, "", "", "read certificate: open " + missing},
		"an authority that is a key": {key, "", "", "no PEM certificate in it"},
		"no such client certificate": {ca.file, missing, key, "read client certificate: open " + missing},
		"no such key":                {ca.file, certificate, missing, "read client key: stat " + missing},
		"a certificate without key":  {ca.file, certificate, "", "one is set without the other"},
		"the key of another":         {ca.file, certificate, foreignKey, "private key does not match"},
		"a key that all may read":    {ca.file, certificate, openKey, "mode 0644 lets others at it"},
	}
	for name, test := range tests {
		for _, p := range allProtocols {
			t.Run(name+" "+string(p), func(t *testing.T) {
				x, err := New(Config{
					Protocol: p, Endpoint: "https://127.0.0.1:1", CertificateFile: test.ca,
					ClientCertificateFile: test.certificate, ClientKeyFile: test.key,
				}, nil)
				if x != nil || err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("exporter %v, error %v", x, err)
				}
			})
		}
	}
}
