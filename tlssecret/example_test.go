package tlssecret_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/tlssecret"
)

// The server presents the certificate that the secret holds at the time of each handshake.
func ExampleServerConfig() {
	secrets, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer secrets.Close()
	ca := newAuthority()
	secrets.Create("prod/tls", ca.issue(1))
	manager := clientOf(secrets)

	cert := typedsecret.New[tls.Certificate]("prod/tls", typedsecret.WithClient(manager))
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = tlssecret.ServerConfig(cert)
	server.StartTLS()
	defer server.Close()

	connect := func() {
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: ca.pool(), ServerName: "localhost"})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer conn.Close()
		fmt.Println("certificate", conn.ConnectionState().PeerCertificates[0].SerialNumber)
	}
	connect()
	ctx := context.Background()
	manager.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/tls"), SecretString: aws.String(ca.issue(2)),
	})
	cert.Refresh(ctx) // as the cache does by itself within its TTL
	connect()
	// Output:
	// certificate 1
	// certificate 2
}

// A client shows the certificate that the secret holds at the time.
func ExampleClientConfig() {
	ca := newAuthority()
	pair := []byte(ca.issue(7))
	cert, err := codec.Decode[tls.Certificate](codec.PEM{}, pair)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("certificate", r.TLS.PeerCertificates[0].SerialNumber)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.pool()}
	server.StartTLS()
	defer server.Close()

	config := tlssecret.ClientConfig(typedsecret.Static(cert)) // in earnest, a typedsecret.New[tls.Certificate]
	config.RootCAs = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	resp, err := client.Get(server.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	// Output: certificate 7
}

// clientOf returns the AWS SDK's client for the fake, which takes any credentials.
func clientOf(secrets *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region:     "us-east-1",
		HTTPClient: secrets.Client(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}, nil
		}),
	})
}
