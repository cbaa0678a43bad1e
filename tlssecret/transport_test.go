package tlssecret_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/tlssecret"
)

// A site is a server that asks clients for a certificate. It answers with the number of
// the certificate and the address of the client's connection.
type site struct {
	*httptest.Server
	closed chan string // the addresses of the connections that were closed
}

func newSite(t *testing.T, http2 bool, config *tls.Config) *site {
	t.Helper()
	s := &site{closed: make(chan string, 100)}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "HTTP/%d %d %s", r.ProtoMajor, r.TLS.PeerCertificates[0].SerialNumber, r.RemoteAddr)
		if r.URL.Path == "/slow" {
			w.(http.Flusher).Flush()
			<-r.Context().Done() // until the client closes the body
		}
	}))
	s.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			s.closed <- c.RemoteAddr().String()
		}
	}
	s.TLS, s.EnableHTTP2 = config, http2
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// ask sends a request and returns the version of HTTP, the number of the certificate that the
// server saw, and the connection's address.
func (s *site) ask(t *testing.T, through http.RoundTripper) (version, serial, addr string) {
	t.Helper()
	resp, err := (&http.Client{Transport: through}).Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return words(string(body))
}

func words(body string) (version, serial, addr string) {
	fmt.Sscan(body, &version, &serial, &addr)
	return version, serial, addr
}

func TestARequestAfterARotationUsesNoOlderConnection(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprintf("HTTP/2 %v", http2), func(t *testing.T) {
			ca := newAuthority()
			manager, c := secrettest.NewCache(t)
			manager.Seed(t, "prod/tls", ca.issue(61))
			secret := certificate(c)
			site := newSite(t, http2, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()})
			through := tlssecret.Transport(secret, nil, site.Client().Transport.(*http.Transport))

			version, serial, first := site.ask(t, through)
			if want := map[bool]string{false: "HTTP/1", true: "HTTP/2"}[http2]; version != want || serial != "61" {
				t.Errorf("%s with certificate %s", version, serial)
			}
			if _, _, again := site.ask(t, through); again != first {
				t.Error("the connection was not kept alive")
			}
			slow, err := (&http.Client{Transport: through}).Get(site.URL + "/slow")
			if err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 100)
			n, err := slow.Body.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			_, _, busy := words(string(buf[:n]))

			manager.Rotate(t, "prod/tls", ca.issue(62))
			refresh(t, secret, "")
			_, serial, second := site.ask(t, through)
			if serial != "62" || second == first || second == busy {
				t.Errorf("after the rotation: certificate %s, on the connection %s of %s and %s", serial, second, first, busy)
			}
			slow.Body.Close() // the request under way was not cut off
			for gone := ""; gone != busy; {
				if http2 {
					break // net/http closes a connection of HTTP/2 that was busy when it is idle for IdleConnTimeout
				}
				gone = <-site.closed
			}
			if _, serial, third := site.ask(t, through); serial != "62" || third != second {
				t.Errorf("the new connection was not kept alive: %s, %s", serial, third)
			}
			through.(interface{ CloseIdleConnections() }).CloseIdleConnections()
			for gone := ""; gone != second; gone = <-site.closed {
			}
		})
	}
}

func TestTransportTrustsThePresentAuthorities(t *testing.T) {
	first, second := newAuthority(), newAuthority()
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/authorities", first.text())
	authorities := typedsecret.New[*x509.CertPool]("prod/authorities", typedsecret.WithCache(c))
	text := first.issue(71)
	pair, err := tls.X509KeyPair([]byte(text), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would log the client's refusal
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.StartTLS()
	defer server.Close()
	base := &http.Transport{TLSClientConfig: &tls.Config{ServerName: "localhost"}}
	client := &http.Client{Transport: tlssecret.Transport(nil, authorities, base)}
	get := func() error {
		resp, err := client.Get(server.URL)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	for _, step := range []struct {
		text    string
		trusted bool
	}{{first.text(), true}, {second.text(), false}, {second.text() + first.text(), true}} {
		manager.Rotate(t, "prod/authorities", step.text)
		if _, err := authorities.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		var unknown x509.UnknownAuthorityError
		if err := get(); step.trusted != (err == nil) || err != nil && !errors.As(err, &unknown) {
			t.Errorf("trusted %v, but got %v", step.trusted, err)
		}
	}
	if base.TLSClientConfig.RootCAs != nil {
		t.Error("the given transport was changed")
	}
}

func TestTransportReportsASecretThatCanNotBeHad(t *testing.T) {
	_, c := secrettest.NewCache(t)
	authorities := typedsecret.New[*x509.CertPool]("prod/authorities", typedsecret.WithCache(c))
	for _, through := range []http.RoundTripper{
		tlssecret.Transport(certificate(c), nil, nil), tlssecret.Transport(nil, authorities, nil),
	} {
		_, err := (&http.Client{Transport: through}).Post("https://localhost", "text/plain", strings.NewReader("body"))
		if !errors.Is(err, typedsecret.ErrNotFound) {
			t.Errorf("got %v", err)
		}
	}
}

func TestVerifyClientsTrustsThePresentAuthorities(t *testing.T) {
	old, young := newAuthority(), newAuthority()
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/tls", old.issue(81))
	manager.Seed(t, "prod/authorities", old.text())
	authorities := typedsecret.New[*x509.CertPool]("prod/authorities", typedsecret.WithCache(c))
	chosen := 0
	config := tlssecret.ServerConfig(certificate(c))
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { chosen++; return nil, nil }
	server := tlssecret.VerifyClients(config, authorities)
	clientOf := func(ca *authority) *tls.Config {
		text := ca.issue(82)
		pair, err := tls.X509KeyPair([]byte(text), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{
			RootCAs: old.pool(), ServerName: "localhost", Certificates: []tls.Certificate{pair},
			ClientSessionCache: tls.NewLRUClientSessionCache(1),
		}
	}
	oldClient, youngClient := clientOf(old), clientOf(young)
	check := func(when string, oldOK, youngOK bool) {
		t.Helper()
		if _, _, err := handshake(t, server, oldClient); oldOK != (err == nil) {
			t.Errorf("%s, a client of the old authority: %v", when, err)
		}
		if _, _, err := handshake(t, server, youngClient); youngOK != (err == nil) {
			t.Errorf("%s, a client of the young authority: %v", when, err)
		}
		if _, _, err := handshake(t, server, &tls.Config{RootCAs: old.pool(), ServerName: "localhost"}); err == nil {
			t.Errorf("%s, a client without a certificate was let in", when)
		}
	}
	rotate := func(text string) {
		t.Helper()
		manager.Rotate(t, "prod/authorities", text)
		if _, err := authorities.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	check("first", true, false)
	rotate(old.text() + young.text())
	check("both", true, true)
	rotate(young.text())
	check("then", false, true)
	if chosen == 0 {
		t.Error("the config's own GetConfigForClient was not called")
	}
}
