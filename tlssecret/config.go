// Package tlssecret takes the certificate of a TLS server or client from a secret. After a
// rotation the new certificate is presented without a restart:
//
//	server := &http.Server{Addr: ":443", TLSConfig: tlssecret.ServerConfig(cert)}
//	err := server.ListenAndServeTLS("", "")
//
// The new certificate is presented once the cache has fetched it: at most a TTL after the
// rotation, or at once after a Refresh.
//
// The secret is PEM text with the certificates and the key, or a JSON object of such texts;
// package codec has the details. If a version does not decode, or its key belongs to none
// of its certificates, the last good certificate is still presented. The same holds if the new
// certificate has expired or is not valid yet, as long as the last good one is valid. [Check]
// reports such a certificate.
//
// [Transport] is for HTTP clients: no request uses a connection of an older certificate. For
// the authorities of a server's clients there is [VerifyClients].
package tlssecret

import (
	"crypto/tls"

	"github.com/typedsecret/typedsecret"
)

// ServerConfig returns the configuration of a server that presents the secret's present
// certificate in each full handshake. The caller may add to it.
//
// Open connections stay open. A client may resume a TLS session by a ticket for up to a
// week, and is then not shown a certificate again. Set SessionTicketsDisabled where that is
// too long, for example after a key was stolen.
//
// The first handshake waits for the secret, for as long as the server's own timeout allows.
// Call the secret's Get when the program starts, to find a mistake before a client does.
func ServerConfig(secret typedsecret.Getter[tls.Certificate]) *tls.Config {
	k := &keeper{secret: secret}
	return &tls.Config{
		MinVersion: minVersion,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			return k.certificate(hello.Context())
		},
	}
}

// ClientConfig returns the configuration of a client that presents the secret's present
// certificate to each server that asks for one. The caller may add to it: RootCAs, say.
//
// The client presents the certificate even if the server named other authorities than its
// issuer. The server then refuses it, with an error that says more than that of a missing
// certificate. Without a ClientSessionCache, each connection is a full handshake. With one,
// a resumed session keeps the certificate with which it began. Open connections keep theirs
// too; for HTTP's keep-alive connections use [Transport].
func ClientConfig(secret typedsecret.Getter[tls.Certificate]) *tls.Config {
	k := &keeper{secret: secret}
	return &tls.Config{
		MinVersion: minVersion,
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return k.certificate(asked.Context())
		},
	}
}

// minVersion is TLS 1.3, since earlier versions send certificates in the clear, those of
// clients too. For a peer that has only TLS 1.2, the caller lowers MinVersion in the
// Config.
const minVersion = tls.VersionTLS13
