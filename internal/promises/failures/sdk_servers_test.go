package failures_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// hidden stands wherever a secret may stand. None of its pieces occurs in ordinary text.
const hidden = "Zq7Xw9Kv3Jp5Ym1Ub8Tn2Rc6"

// write makes a file in the test's directory.
func (e *environment) write(name, text string) string {
	path := filepath.Join(e.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
	return path
}

// serve is an HTTP server on this machine that always answers so.
func (e *environment) serve(status int, contentType, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Echo", hidden)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	e.t.Cleanup(server.Close)
	return server.URL
}

// listen gives each connection to answer and closes it.
func (e *environment) listen(answer func(net.Conn)) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			answer(conn)
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

// closedPort is an address on which nothing listens.
func (e *environment) closedPort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	listener.Close()
	return listener.Addr().String()
}

// proxyAnswering is a proxy that answers every request with this line and page.
func (e *environment) proxyAnswering(line string) string {
	return e.listen(func(conn net.Conn) {
		conn.Read(make([]byte, 4096))
		fmt.Fprintf(conn, "HTTP/1.1 %s\r\nProxy-Authenticate: Basic realm=%q\r\nContent-Length: %d\r\n\r\n%s", line, hidden, len(hidden), hidden)
	})
}

// socksProxy is a SOCKS5 proxy that wants a password, and then gives these answers.
func (e *environment) socksProxy(answers ...[]byte) string {
	return e.listen(func(conn net.Conn) {
		for _, answer := range append([][]byte{{5, 2}}, answers...) {
			conn.Read(make([]byte, 4096))
			conn.Write(answer)
		}
		conn.Read(make([]byte, 1))
	})
}

// nameServer is a DNS server that answers every question with this code.
func (e *environment) nameServer(code uint16) *net.Resolver {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	go func() {
		for {
			question := make([]byte, 512)
			n, from, err := conn.ReadFrom(question)
			if err != nil {
				return
			}
			const header, isAnswer = 12, 0x8180
			end := header
			for question[end] != 0 {
				end += 1 + int(question[end])
			}
			end += 5 // the name's last byte, type and class
			answer := append([]byte(nil), question[:min(n, end)]...)
			binary.BigEndian.PutUint16(answer[2:], isAnswer|code)
			clear(answer[6:header])
			conn.WriteTo(answer, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// A certificate of the servers here.
type certificate struct {
	names       []string
	ends        time.Time
	wantsClient bool
	resets      bool // each request's stream, over HTTP/2
}

// serveTLS is an HTTPS server with this certificate, which pool trusts.
func (e *environment) serveTLS(c certificate) (url string, pool *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		e.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "secretsmanager of a test"}, DNSNames: c.names,
		NotBefore: c.ends.Add(-time.Hour), NotAfter: c.ends, IsCA: true, BasicConstraintsValid: true,
	}
	for _, name := range c.names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		e.t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		e.t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	server.EnableHTTP2 = c.resets
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	if c.wantsClient {
		server.TLS.ClientAuth = tls.RequireAnyClientCert
	}
	server.StartTLS()
	e.t.Cleanup(server.Close)
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return server.URL, pool
}

// stsRefusing is an STS that answers with this error.
func (e *environment) stsRefusing(status int, code, message string) string {
	return e.serve(status, "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>"+code+"</Code><Message>"+message+"</Message></Error></ErrorResponse>")
}

// metadata is an instance metadata service whose answers about the role have this status.
func (e *environment) metadata(status int, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/api/token") {
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
			io.WriteString(w, hidden)
			return
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	e.t.Cleanup(server.Close)
	return server.URL
}

// redirecting is a server that sends all clients elsewhere.
func (e *environment) redirecting(to string) string {
	server := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
	e.t.Cleanup(server.Close)
	return server.URL
}

// clockRefusing is a Secrets Manager whose clock is that far ahead, and which refuses every
// signature for it.
func (e *environment) clockRefusing(ahead time.Duration) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"__type":"InvalidSignatureException","message":"Signature expired"}`)
	}))
	e.t.Cleanup(server.Close)
	return server.URL
}
