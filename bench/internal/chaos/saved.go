package chaos

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// saved is the sealed file of a sequence.
type saved struct {
	path   string
	sealer cipher.AEAD
}

// save gives the cache a sealed file.
func (r *run) save() {
	block, err := aes.NewCipher([]byte(strings.Repeat("k", 32)))
	if err != nil {
		r.t.Fatal(err)
	}
	sealer, err := cipher.NewGCM(block)
	if err != nil {
		r.t.Fatal(err)
	}
	r.saved = &saved{filepath.Join(r.t.TempDir(), "secrets.sealed"), sealer}
	r.cfg = r.cfg.WithSealedFile(r.saved.path, sealer)
}

// reopen checks the values that a process finds in the sealed file when it starts in an
// outage.
func (r *run) reopen() {
	if r.saved == nil {
		return
	}
	file, err := os.ReadFile(r.saved.path)
	if errors.Is(err, os.ErrNotExist) {
		return // nothing was fetched
	}
	if err != nil || strings.Contains(string(file), mark) {
		r.violate(sealedRight, fmt.Sprintf("the file is readable: %v", err))
	}
	down := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{}, secret.ErrUnavailable
	})
	var told error // the error that StaleIfError got
	cfg := cache.Config{Backoff: r.cfg.Backoff, StaleIfError: func(err error, _ time.Duration) bool {
		told = err
		return true
	}}
	c, err := cache.New(down, cfg.WithSealedFile(r.saved.path, r.saved.sealer))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	for _, id := range r.ids {
		r.fault("start in an outage")
		told = nil
		v, err := c.Get(context.Background(), secret.Ref{ID: id})
		r.judgeSaved(id, v, err, told)
	}
	time.Sleep(time.Second)
}

// judgeSaved checks the value after a start in an outage, and the error that StaleIfError
// got.
func (r *run) judgeSaved(id string, v secret.Value, err, told error) {
	r.check(sealedRight)
	last := r.lastTold(id)
	if r.mutated == Unmarked {
		told = nil
	}
	switch has := err == nil || r.mutated == Resurrect; {
	case has && last.gone:
		r.violate(sealedRight, id+" is in the file, although the source reported last that it is gone")
	case !has && last.version != 0:
		r.violate(sealedRight, fmt.Sprintf("%s is lost: %v", id, class(err)))
	case !has:
	case v.Payload.Reveal() != payloadOf(id, numberOf(v)) || last.version != 0 && numberOf(v) != last.version:
		r.violate(sealedRight, fmt.Sprintf("%s is version %d, want %d", id, numberOf(v), last.version))
	case last.refused != nil && (!errors.Is(told, last.refused) || !errors.Is(told, secret.ErrUnavailable)):
		r.violate(sealedRight, fmt.Sprintf("%s was refused last, and StaleIfError got: %v", id, class(told)))
	case last.version != 0 && last.refused == nil && errors.Is(told, secret.ErrAccessDenied):
		r.violate(sealedRight, fmt.Sprintf("%s was not refused, and StaleIfError got: %v", id, class(told)))
	}
}

// An ending is the state of a secret by the cache's events, before the cache was closed.
type ending struct {
	version int   // the version that the file must have; 0 means it may have none
	gone    bool  // the file must have no version
	refused error // the source's refusal since then
}

// lastTold returns the ending of a secret. The file may lack a version that was evicted
// before it was written, or that a Hook kept back.
func (r *run) lastTold(id string) (last ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.knownOf(id).fetches {
		switch {
		case f.ended.tick > 0 && !f.toldBefore(r.closing):
			return ending{} // the file may have the value or not
		case f.brought(r.closing):
			last = ending{version: f.version}
		case f.toldBefore(r.closing):
			last.learn(f.err)
		}
	}
	if r.cfg.MaxSize != 0 || r.cfg.Hook != nil {
		last.version = 0
	}
	return last
}

// learn records the error of a fetch.
func (e *ending) learn(err error) {
	if errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrTimeout) || errors.Is(err, secret.ErrThrottled) {
		return
	}
	for _, refusal := range []error{secret.ErrAccessDenied, secret.ErrDecryption, secret.ErrInvalidRequest} {
		if errors.Is(err, refusal) {
			e.refused = refusal // a secret that is gone stays gone until it is fetched again
			return
		}
	}
	if errors.Is(err, secret.ErrNotFound) || errors.Is(err, secret.ErrDeleted) {
		*e = ending{gone: true}
	}
}
