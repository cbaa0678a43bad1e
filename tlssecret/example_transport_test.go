package tlssecret_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/tlssecret"
)

// After a rotation no request uses a connection of the former certificate.
func ExampleTransport() {
	secrets, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer secrets.Close()
	clients, servers := newAuthority(), newAuthority()
	secrets.Create("prod/client", clients.issue(1))
	secrets.Create("prod/authorities", servers.text())
	manager := clientOf(secrets)
	api := startAPI(clients.pool(), servers.issue(9))
	defer api.Close()

	cert := typedsecret.New[tls.Certificate]("prod/client", typedsecret.WithClient(manager))
	authorities := typedsecret.New[*x509.CertPool]("prod/authorities", typedsecret.WithClient(manager))
	client := &http.Client{Transport: tlssecret.Transport(cert, authorities, nil)}

	ask := func() {
		resp, err := client.Get(api.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer resp.Body.Close()
		fmt.Println("certificate", resp.Header.Get("Seen"))
	}
	ask()
	ctx := context.Background()
	manager.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/client"), SecretString: aws.String(clients.issue(2)),
	})
	cert.Refresh(ctx) // as the cache does by itself within its TTL
	ask()
	// Output:
	// certificate 1
	// certificate 2
}

// startAPI starts a server that answers with the number of the client's certificate.
func startAPI(clients *x509.CertPool, pair string) *httptest.Server {
	cert, err := codec.Decode[tls.Certificate](codec.PEM{}, []byte(pair))
	if err != nil {
		panic(err)
	}
	api := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Seen", r.TLS.PeerCertificates[0].SerialNumber.String())
	}))
	api.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	api.StartTLS()
	return api
}

// A server takes the authorities of its clients from a secret too.
func ExampleVerifyClients() {
	cert := typedsecret.New[tls.Certificate]("prod/tls")
	authorities := typedsecret.New[*x509.CertPool]("prod/authorities")
	server := &http.Server{
		Addr:      ":443",
		TLSConfig: tlssecret.VerifyClients(tlssecret.ServerConfig(cert), authorities),
	}
	fmt.Println(server.TLSConfig.ClientAuth == tls.RequireAndVerifyClientCert) // and then server.ListenAndServeTLS("", "")
	// Output: true
}

// Somebody has put a certificate into the secret that is no longer valid.
func ExampleCheck() {
	until := time.Date(2025, time.May, 1, 12, 0, 0, 0, time.UTC)
	pair := newAuthority().issueFor(7, until.AddDate(-1, 0, 0), until)
	cert, err := codec.Decode[tls.Certificate](codec.PEM{}, []byte(pair))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tlssecret.Check(context.Background(), typedsecret.Static(cert)))
	// Output:
	// tlssecret: the certificate with the serial number 7 expired at 2025-05-01T12:00:00Z; put one that is valid into the secret
}
