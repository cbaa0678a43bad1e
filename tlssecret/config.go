// Package tlssecret takes the certificate of a TLS server or client from a secret, so
// that a rotated one is presented without a restart:
//
//	server := &http.Server{Addr: ":443", TLSConfig: tlssecret.ServerConfig(cert)}
//	err := server.ListenAndServeTLS("", "")
//
// A rotation is noticed when the cache learns of it: mostly 70 to 83 % of a TTL after the last
// fetch, or when somebody calls Refresh.
//
// The secret is PEM text, of the certificates and the key, or a JSON object of such;
// package codec has the details. A version that does not decode, or whose key belongs
// to none of its certificates, changes nothing: the last good one is presented on.
package tlssecret

import (
	"context"
	"crypto/tls"

	"github.com/typedsecret/typedsecret"
)

// ServerConfig returns the configuration of a server that presents the secret's present
// certificate in each full handshake. The caller may add to it.
//
// Connections that are open stay, and so do sessions: a client that resumes one by a
// ticket, for up to a week, is not shown a certificate again. Where that is too long,
// after a key was stolen say, set SessionTicketsDisabled.
//
// The first handshake waits for the secret, for as long as the server's own timeout
// allows. Call the secret's Get at the start, to learn what is wrong before a client does.
func ServerConfig(secret typedsecret.Getter[tls.Certificate]) *tls.Config {
	return &tls.Config{
		MinVersion: minVersion,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return certificate(hello.Context(), secret)
		},
	}
}

// ClientConfig returns the configuration of a client that presents the secret's present
// certificate to each server that asks for one. The caller may add to it: RootCAs, say.
//
// The certificate is presented although the server named authorities that it was not
// issued by: then the server refuses it, which says more than a missing one. As long as
// there is no ClientSessionCache, each connection is a full handshake. With one, a
// server goes on to know a resumed session by the certificate that began it.
func ClientConfig(secret typedsecret.Getter[tls.Certificate]) *tls.Config {
	return &tls.Config{
		MinVersion: minVersion,
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return certificate(asked.Context(), secret)
		},
	}
}

// minVersion is TLS 1.3, as before it certificates, those of clients too, are sent in the
// clear. A caller that must talk to a peer with TLS 1.2 only lowers it in the Config.
const minVersion = tls.VersionTLS13

func certificate(ctx context.Context, secret typedsecret.Getter[tls.Certificate]) (*tls.Certificate, error) {
	c, err := secret.Get(ctx)
	if err != nil {
		return nil, err
	}
	return &c, nil
}
