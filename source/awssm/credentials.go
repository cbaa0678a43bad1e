package awssm

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// renewAfter is the least time between two readings of the environment.
const renewAfter = time.Second

// A renewed is the credentials that the environment has. The SDK reads a credentials file once,
// so a renewed has the SDK look for credentials anew after they were refused.
type renewed struct {
	load func(context.Context) (aws.Config, error)

	mu      sync.Mutex // guards the fields below; not held while credentials are looked for
	now     aws.CredentialsProvider
	at      time.Time // when they were looked for
	refused bool      // since then
}

// renewing puts a renewed in place of the credentials of cfg, which load has returned.
func renewing(cfg *aws.Config, load func(context.Context) (aws.Config, error)) *renewed {
	if cfg.Credentials == nil || aws.IsCredentialsProvider(cfg.Credentials, (*aws.AnonymousCredentials)(nil)) {
		return nil
	}
	r := &renewed{load: load, now: cfg.Credentials, at: time.Now()}
	cfg.Credentials = r
	return r
}

// Retrieve returns the present credentials.
func (r *renewed) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if r.begins() {
		if cfg, err := r.load(ctx); err == nil && cfg.Credentials != nil {
			r.mu.Lock()
			r.now = cfg.Credentials
			r.mu.Unlock()
		}
	}
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	return now.Retrieve(ctx)
}

// begins reports whether the caller is to look for credentials anew.
func (r *renewed) begins() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.refused || time.Since(r.at) < renewAfter {
		return false
	}
	r.refused, r.at = false, time.Now()
	return true
}

// refuse notes that the present credentials were refused, or that there are none.
func (r *renewed) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = true
}
