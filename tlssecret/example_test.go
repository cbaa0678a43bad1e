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
