package tlssecret

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret"
)

// Check returns an error if the secret's present certificate has expired or is not valid
// yet, or if the secret can't be had. Call it for readiness, say, or for an alert: while the
// last good certificate is valid, handshakes succeed and do not show that the new one is
// useless. If there is no valid certificate, handshakes show the one that the secret holds,
// and the peer judges it by its own clock.
//
// Check looks only at the first certificate, to which the key belongs. The peer may need none
// of the others.
func Check(ctx context.Context, secret typedsecret.Getter[tls.Certificate]) error {
	c, err := secret.Get(ctx)
	if err != nil {
		return err
	}
	return check(&c, time.Now())
}

func check(c *tls.Certificate, now time.Time) error {
	leaf := c.Leaf
	if leaf == nil {
		if len(c.Certificate) == 0 {
			return errors.New("tlssecret: there is no certificate")
		}
		var err error
		if leaf, err = x509.ParseCertificate(c.Certificate[0]); err != nil {
			return fmt.Errorf("tlssecret: the certificate: %w", err)
		}
	}
	// The number and the times are public: each peer is shown them.
	switch {
	case now.Before(leaf.NotBefore):
		return fmt.Errorf("tlssecret: the certificate with the serial number %d is not valid before %s; put one that is valid into the secret",
			leaf.SerialNumber, leaf.NotBefore.UTC().Format(time.RFC3339))
	case now.After(leaf.NotAfter):
		return fmt.Errorf("tlssecret: the certificate with the serial number %d expired at %s; put one that is valid into the secret",
			leaf.SerialNumber, leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// A keeper keeps the last certificate that was valid.
type keeper struct {
	secret typedsecret.Getter[tls.Certificate]

	mu   sync.Mutex // guards good
	good *tls.Certificate
}

// certificate returns the secret's present certificate. If that is not valid, it returns the
// last good one while that is valid.
func (k *keeper) certificate(ctx context.Context) (*tls.Certificate, error) {
	c, err := k.secret.Get(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case check(&c, now) == nil:
		k.good = &c
	case k.good != nil && check(k.good, now) == nil:
		return k.good, nil
	}
	return &c, nil
}
