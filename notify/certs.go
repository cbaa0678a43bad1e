package notify

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// certificates are those that SNS signs with, by their URLs. An attacker that knows a topic may
// make up URLs, so the requests have a pace.
type certificates struct {
	client *http.Client
	flight singleflight.Group

	mu   sync.Mutex // guards the fields below
	kept map[string]certificate
	left float64   // how many requests may begin at once
	at   time.Time // when left was that
}

type certificate struct {
	key   *rsa.PublicKey
	until time.Time // then it is asked for again
	ends  time.Time // then it is not valid any more
}

const (
	maxCertificates  = 16             // kept
	keepCertificate  = 24 * time.Hour // then it is asked for again, so that one that SNS took back is forgotten
	retryCertificate = time.Minute    // if SNS can't be asked
	certificateRate  = 10 * time.Second
	certificateMost  = 5 // at once; then one every certificateRate
)

func newCertificates(client *http.Client) *certificates {
	return &certificates{client: client, kept: map[string]certificate{}, left: certificateMost, at: time.Now()}
}

// key returns the public key of the certificate at an address of SNS's. An error is a refusal.
func (c *certificates) key(ctx context.Context, address string) (*rsa.PublicKey, error) {
	if kept := c.find(address); time.Now().Before(kept.until) {
		return kept.key, nil
	}
	asked := c.flight.DoChan(address, func() (any, error) { return c.fetch(address) })
	select {
	case got := <-asked:
		if got.Err != nil {
			return nil, got.Err
		}
		return got.Val.(*rsa.PublicKey), nil
	case <-ctx.Done():
		return nil, refuse(http.StatusServiceUnavailable, "the sender has not waited for the certificate of SNS: %w", ctx.Err())
	}
}

// find returns what is kept, which may be out of date.
func (c *certificates) find(address string) certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept[address]
}

// fetch gets a certificate and keeps it. If SNS can't be asked, one that it gave before is as
// good until it ends.
func (c *certificates) fetch(address string) (*rsa.PublicKey, error) {
	now, kept := time.Now(), c.find(address)
	if now.Before(kept.until) {
		return kept.key, nil // another has fetched it meanwhile
	}
	if kept.key == nil && !c.mayAsk(now) {
		return nil, refuse(http.StatusServiceUnavailable, "too many certificates of SNS were asked for; are posts forged?")
	}
	ctx, cancel := context.WithTimeout(context.Background(), clientTimeout)
	defer cancel()
	status, body, err := get(ctx, c.client, address)
	var got certificate
	switch {
	case err != nil:
	case status == http.StatusNotFound || status == http.StatusForbidden:
		c.keep(address, certificate{})
		return nil, refuse(http.StatusForbidden, "the SigningCertURL of an SNS post leads to no certificate: SNS answers %d", status)
	case status != http.StatusOK:
		err = fmt.Errorf("SNS answers %d", status)
	default:
		got, err = parseCertificate(body, now)
	}
	if err != nil {
		if !now.Before(kept.ends) {
			return nil, refuse(http.StatusServiceUnavailable, "the certificate of SNS can't be had: %w", err)
		}
		got = certificate{kept.key, now.Add(retryCertificate), kept.ends}
	}
	c.keep(address, got)
	return got.key, nil
}

// mayAsk reports whether a request may begin, and counts it.
func (c *certificates) mayAsk(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = min(certificateMost, c.left+float64(now.Sub(c.at))/float64(certificateRate))
	c.at = now
	if c.left < 1 {
		return false
	}
	c.left--
	return true
}

// keep keeps a certificate; the zero one is that SNS has none there.
func (c *certificates) keep(address string, got certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.kept, address)
	if got.key == nil {
		return
	}
	if len(c.kept) >= maxCertificates {
		var oldest string
		for at, kept := range c.kept {
			if oldest == "" || kept.until.Before(c.kept[oldest].until) {
				oldest = at
			}
		}
		delete(c.kept, oldest)
	}
	c.kept[address] = got
}

// parseCertificate reads the first certificate of a PEM file. Nobody signs it for us to check:
// that it comes from the host of SNS is what makes it SNS's.
func parseCertificate(text []byte, now time.Time) (certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return certificate{}, errors.New("it is no PEM of a certificate")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return certificate{}, errors.New("it is no certificate")
	}
	key, ok := parsed.PublicKey.(*rsa.PublicKey)
	switch {
	case !ok:
		return certificate{}, errors.New("its key is not RSA's")
	case now.Before(parsed.NotBefore) || now.After(parsed.NotAfter):
		return certificate{}, errors.New("it is not valid now; is this machine's clock right?")
	}
	until := now.Add(keepCertificate)
	if parsed.NotAfter.Before(until) {
		until = parsed.NotAfter
	}
	return certificate{key, until, parsed.NotAfter}, nil
}
