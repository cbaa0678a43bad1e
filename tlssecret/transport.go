package tlssecret

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/typedsecret/typedsecret"
)

// Transport returns an http.RoundTripper that presents the certificate of one secret to
// servers, and trusts the authorities of another secret. If cert is nil, it presents no
// certificate. If authorities is nil, it trusts those of base.
//
// Connections are kept alive as long as both stay the same. A request that is sent after a
// change never uses an older connection: it gets one with the new certificate, from a server
// that the new authorities vouch for. Older connections are closed when their requests are
// done. No request is cut off.
//
// The Transport works with copies of base, which it does not change; nil means
// http.DefaultTransport. It needs no Close. MinVersion is TLS 1.3, unless base says
// otherwise. For a token besides, give the Transport to package httpsecret.
func Transport(cert typedsecret.Getter[tls.Certificate], authorities typedsecret.Getter[*x509.CertPool], base *http.Transport) http.RoundTripper {
	if base == nil {
		base, _ = http.DefaultTransport.(*http.Transport)
	}
	if base == nil {
		base = &http.Transport{Proxy: http.ProxyFromEnvironment} // the program has set DefaultTransport to another type
	}
	t := &transport{base: base, authorities: authorities}
	if cert != nil {
		t.keeper = &keeper{secret: cert}
	}
	return t
}

type transport struct {
	base        *http.Transport
	keeper      *keeper // nil if no certificate is presented
	authorities typedsecret.Getter[*x509.CertPool]

	mu      sync.Mutex // guards present
	present *generation
}

// A generation has the connections of one certificate and one pool of authorities.
type generation struct {
	cert *tls.Certificate
	pool *x509.CertPool
	http *http.Transport
}

func (g *generation) has(cert *tls.Certificate, pool *x509.CertPool) bool {
	return sameCertificate(g.cert, cert) && (g.pool == pool || g.pool != nil && pool != nil && g.pool.Equal(pool))
}

func sameCertificate(a, b *tls.Certificate) bool {
	return a == b || a != nil && b != nil && slices.EqualFunc(a.Certificate, b.Certificate, bytes.Equal)
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	g, err := t.generation(r.Context())
	if err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	response, err := g.http.RoundTrip(r)
	t.mu.Lock()
	former := t.present != g
	t.mu.Unlock()
	if former {
		g.http.CloseIdleConnections() // again, since this request may have asked for a connection after the first time
	}
	return response, err
}

// CloseIdleConnections is called by http.Client's method of that name.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.present != nil {
		t.present.http.CloseIdleConnections()
	}
}

// generation returns the generation of what both secrets hold now.
func (t *transport) generation(ctx context.Context) (*generation, error) {
	var cert *tls.Certificate
	var pool *x509.CertPool
	var err error
	if t.keeper != nil {
		if cert, err = t.keeper.certificate(ctx); err != nil {
			return nil, fmt.Errorf("tlssecret: the client's certificate: %w", err)
		}
	}
	if t.authorities != nil {
		if pool, err = t.authorities.Get(ctx); err != nil {
			return nil, fmt.Errorf("tlssecret: the authorities: %w", err)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.present == nil || !t.present.has(cert, pool) {
		former := t.present
		t.present = &generation{cert, pool, t.with(cert, pool)}
		if former != nil {
			// This also closes the connections that become idle later, since no further
			// request asks for one.
			former.http.CloseIdleConnections()
		}
	}
	return t.present, nil
}

// with returns a copy of base.
func (t *transport) with(cert *tls.Certificate, pool *x509.CertPool) *http.Transport {
	c := t.base.Clone()
	if c.TLSClientConfig == nil {
		c.TLSClientConfig = new(tls.Config)
	}
	config := c.TLSClientConfig // Clone has copied it too
	if config.MinVersion == 0 {
		config.MinVersion = minVersion
	}
	if cert != nil {
		config.Certificates = nil
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	if pool != nil {
		config.RootCAs = pool
	}
	if cert != nil || pool != nil {
		config.ClientSessionCache = nil // a session began with another certificate, perhaps
	}
	return c
}

// VerifyClients returns a copy of a server's config, such as that of [ServerConfig], that
// asks each client for a certificate of the authorities that the secret holds at the time.
// A new authority is trusted, and one that was removed is not, from the next handshake on.
//
// Open connections stay open. Sessions are not resumed, since a resumed session shows no
// certificate. To ask for a certificate without requiring one, change ClientAuth of the
// result. A GetConfigForClient of config is called too. For HTTP/2, put "h2" and "http/1.1"
// into the NextProtos of config: net/http may add them to a copy.
func VerifyClients(config *tls.Config, authorities typedsecret.Getter[*x509.CertPool]) *tls.Config {
	outer := config.Clone()
	outer.ClientAuth = tls.RequireAndVerifyClientCert
	outer.SessionTicketsDisabled = true
	theirs := config.GetConfigForClient
	outer.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		pool, err := authorities.Get(hello.Context())
		if err != nil {
			return nil, fmt.Errorf("tlssecret: the authorities of clients: %w", err)
		}
		inner := outer
		if theirs != nil {
			chosen, err := theirs(hello)
			if err != nil {
				return nil, err
			}
			if chosen != nil {
				inner = chosen
			}
		}
		inner = inner.Clone()
		inner.ClientAuth, inner.SessionTicketsDisabled = outer.ClientAuth, true
		inner.ClientCAs, inner.GetConfigForClient = pool, nil
		return inner, nil
	}
	return outer
}
