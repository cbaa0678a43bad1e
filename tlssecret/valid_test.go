package tlssecret_test

import (
	"crypto/tls"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/tlssecret"
)

// TestACertificateThatIsNotValidReplacesNoValidOne, at a server and at a client.
func TestACertificateThatIsNotValidReplacesNoValidOne(t *testing.T) {
	type presenter = func(t *testing.T, peerChecks bool) (int64, error)
	ofServer := func(ca *authority, secret *typedsecret.Secret[tls.Certificate]) presenter {
		server := tlssecret.ServerConfig(secret)
		return func(t *testing.T, peerChecks bool) (int64, error) {
			client := &tls.Config{RootCAs: ca.pool(), ServerName: "localhost", InsecureSkipVerify: !peerChecks}
			_, seen, err := handshake(t, server, client)
			return serial(seen), err
		}
	}
	ofClient := func(ca *authority, secret *typedsecret.Secret[tls.Certificate]) presenter {
		cert := ca.issueFor(1, time.Now(), time.Now().Add(24*time.Hour))
		pair, err := tls.X509KeyPair([]byte(cert), []byte(cert))
		if err != nil {
			panic(err)
		}
		client := tlssecret.ClientConfig(secret)
		client.RootCAs, client.ServerName = ca.pool(), "localhost"
		return func(t *testing.T, peerChecks bool) (int64, error) {
			server := &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert, ClientCAs: ca.pool()}
			if peerChecks {
				server.ClientAuth = tls.RequireAndVerifyClientCert
			}
			seen, _, err := handshake(t, server, client)
			return serial(seen), err
		}
	}
	for name, of := range map[string]func(*authority, *typedsecret.Secret[tls.Certificate]) presenter{
		"server": ofServer, "client": ofClient,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ca, start := newAuthority(), time.Now()
				at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
				manager, c := secrettest.NewCache(t)
				defer c.Close()
				manager.Seed(t, "prod/tls", ca.issueFor(51, at(-10), at(50)))
				secret := certificate(c)
				present := of(ca, secret)
				want := func(want int64, trouble string) {
					t.Helper()
					if got, err := present(t, true); err != nil || got != want {
						t.Errorf("certificate %d is presented, want %d: %v", got, want, err)
					}
					err := tlssecret.Check(t.Context(), secret)
					if trouble == "" && err != nil || trouble != "" && (err == nil || !strings.Contains(err.Error(), trouble)) {
						t.Errorf("Check returns %v, want %q", err, trouble)
					}
				}
				rotate := func(text string) {
					t.Helper()
					manager.Rotate(t, "prod/tls", text)
					refresh(t, secret, "")
				}
				want(51, "")
				rotate(ca.issueFor(52, at(-60), at(-1)))
				want(51, "number 52 expired at "+at(-1).UTC().Format(time.RFC3339))
				rotate(ca.issueFor(53, at(30), at(90)))
				want(51, "number 53 is not valid before")
				time.Sleep(40 * time.Minute)
				want(53, "")
				rotate(ca.issueFor(54, at(-60), at(-1)))
				want(53, "number 54 expired")
				time.Sleep(time.Hour)
				if got, err := present(t, false); err != nil || got != 54 {
					t.Errorf("certificate %d is presented when none is valid, want the present one, 54: %v", got, err)
				}
			})
		})
	}
}

// serial returns the number of the certificate that the other side has presented.
func serial(seen tls.ConnectionState) int64 {
	if len(seen.PeerCertificates) == 0 {
		return 0
	}
	return seen.PeerCertificates[0].SerialNumber.Int64()
}
