package tlssecret_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/tlssecret"
)

// handshake connects a client to a server and returns what each saw of the other.
func handshake(t *testing.T, server, client *tls.Config) (seenByServer, seenByClient tls.ConnectionState, err error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	s, c := tls.Server(far, server), tls.Client(near, client)
	served := make(chan error, 1)
	go func() {
		err := s.HandshakeContext(t.Context())
		if err == nil {
			// A client must read to learn that its certificate was refused, and to get the
			// session's ticket.
			_, err = s.Write([]byte("."))
		}
		served <- err
	}()
	err = c.HandshakeContext(t.Context())
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	near.Close()
	err = errors.Join(err, <-served)
	return s.ConnectionState(), c.ConnectionState(), err
}

func certificate(c *cache.Cache) *typedsecret.Secret[tls.Certificate] {
	return typedsecret.New[tls.Certificate]("prod/tls", typedsecret.WithCache(c))
}

func TestServerPresentsTheNewCertificateAfterARotation(t *testing.T) {
	ca := newAuthority()
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/tls", ca.issue(11))
	secret := certificate(c)
	server := tlssecret.ServerConfig(secret)
	client := &tls.Config{RootCAs: ca.pool(), ServerName: "localhost"}

	wantSerial := func(want int64) {
		t.Helper()
		_, seen, err := handshake(t, server, client)
		if err != nil {
			t.Fatal(err)
		}
		if got := seen.PeerCertificates[0].SerialNumber.Int64(); got != want {
			t.Errorf("the server presents certificate %d, want %d", got, want)
		}
	}
	wantSerial(11)

	manager.Rotate(t, "prod/tls", ca.issue(12))
	refresh(t, secret, "")
	wantSerial(12)

	manager.Rotate(t, "prod/tls", "-----BEGIN CERTIFICATE-----\ngarbage")
	refresh(t, secret, "malformed")
	wantSerial(12)

	const keyBegins = "-----BEGIN PRIVATE KEY-----"
	cert, _, _ := strings.Cut(ca.issue(13), keyBegins)
	_, key, _ := strings.Cut(ca.issue(14), keyBegins)
	manager.Rotate(t, "prod/tls", cert+keyBegins+key)
	refresh(t, secret, "belongs to none")
	wantSerial(12)

	manager.Rotate(t, "prod/tls", ca.issue(15))
	refresh(t, secret, "")
	wantSerial(15)
}

// refresh fetches the secret at once, as the cache does later in the background.
func refresh(t *testing.T, secret *typedsecret.Secret[tls.Certificate], wantErr string) {
	t.Helper()
	_, err := secret.Refresh(t.Context())
	if wantErr == "" && err != nil || wantErr != "" && (err == nil || !strings.Contains(err.Error(), wantErr)) {
		t.Fatalf("refreshing: got %v, want %q", err, wantErr)
	}
}

func TestClientPresentsTheNewCertificateAfterARotation(t *testing.T) {
	ca := newAuthority()
	manager, c := secrettest.NewCache(t)
	other, ofServers := secrettest.NewCache(t)
	manager.Seed(t, "prod/tls", ca.issue(21))
	other.Seed(t, "prod/tls", ca.issue(99))
	secret := certificate(c)
	server := tlssecret.ServerConfig(certificate(ofServers))
	server.ClientAuth, server.ClientCAs = tls.RequireAndVerifyClientCert, ca.pool()
	client := tlssecret.ClientConfig(secret)
	client.RootCAs, client.ServerName = ca.pool(), "localhost"

	for _, serial := range []int64{21, 22} {
		seen, _, err := handshake(t, server, client)
		if err != nil {
			t.Fatal(err)
		}
		if got := seen.PeerCertificates[0].SerialNumber.Int64(); got != serial || seen.DidResume {
			t.Errorf("the client presents certificate %d, want %d", got, serial)
		}
		manager.Rotate(t, "prod/tls", ca.issue(serial+1))
		refresh(t, secret, "")
	}
}

func TestAResumedSessionIsShownNoCertificate(t *testing.T) {
	ca := newAuthority()
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/tls", ca.issue(31))
	secret := certificate(c)
	server := tlssecret.ServerConfig(secret)
	client := &tls.Config{RootCAs: ca.pool(), ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	if _, _, err := handshake(t, server, client); err != nil {
		t.Fatal(err)
	}
	manager.Rotate(t, "prod/tls", ca.issue(32))
	refresh(t, secret, "")
	_, seen, err := handshake(t, server, client)
	if err != nil || !seen.DidResume || seen.PeerCertificates[0].SerialNumber.Int64() != 31 {
		t.Fatalf("resumed: %v, %v", seen.DidResume, err)
	}
	server.SessionTicketsDisabled = true
	_, seen, err = handshake(t, server, client)
	if err != nil || seen.DidResume || seen.PeerCertificates[0].SerialNumber.Int64() != 32 {
		t.Errorf("without tickets: resumed: %v, %v", seen.DidResume, err)
	}
}

func TestASecretThatCanNotBeHadFailsTheHandshake(t *testing.T) {
	ca := newAuthority()
	_, c := secrettest.NewCache(t)
	client := &tls.Config{RootCAs: ca.pool(), ServerName: "localhost"}
	if _, _, err := handshake(t, tlssecret.ServerConfig(certificate(c)), client); !errors.Is(err, typedsecret.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestConfigsRefuseTLS12(t *testing.T) {
	ca := newAuthority()
	manager, c := secrettest.NewCache(t)
	manager.Seed(t, "prod/tls", ca.issue(41))
	old := &tls.Config{RootCAs: ca.pool(), ServerName: "localhost", MaxVersion: tls.VersionTLS12}
	if _, _, err := handshake(t, tlssecret.ServerConfig(certificate(c)), old); err == nil {
		t.Error("the server took TLS 1.2")
	}
}

func TestAHandshakesContextEndsTheWaitForTheSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		manager, c := secrettest.NewCache(t)
		manager.Fail(t, secrettest.Fault{Effect: secrettest.Hang()})
		near, far := net.Pipe()
		defer near.Close()
		defer far.Close()
		go tls.Client(near, &tls.Config{ServerName: "localhost"}).HandshakeContext(t.Context())

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := tls.Server(far, tlssecret.ServerConfig(certificate(c))).HandshakeContext(ctx)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != time.Second {
			t.Errorf("got %v after %v", err, took)
		}
	})
}
