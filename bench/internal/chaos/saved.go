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
)

// saved is the sealed snapshot of a sequence.
type saved struct {
	path   string
	sealer cipher.AEAD
}

// save lets the cache have a sealed snapshot.
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
	r.cfg = r.cfg.WithSnapshot(r.saved.path, sealer)
}

// reopen checks what a process finds in the snapshot that starts in an outage.
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
	down := cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
		return cache.Value{}, cache.ErrUnavailable
	})
	c, err := cache.New(down, cache.Config{Backoff: r.cfg.Backoff}.WithSnapshot(r.saved.path, r.saved.sealer))
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	for _, id := range r.ids {
		r.fault("start in an outage")
		r.check(sealedRight)
		v, err := c.Get(context.Background(), cache.Ref{ID: id})
		want := r.lastTold(id)
		switch {
		case err != nil && want != 0:
			r.violate(sealedRight, fmt.Sprintf("%s is lost: %v", id, class(err)))
		case err == nil && (v.Payload.Reveal() != payloadOf(id, numberOf(v)) || want != 0 && numberOf(v) != want):
			r.violate(sealedRight, fmt.Sprintf("%s is version %d, want %d", id, numberOf(v), want))
		}
	}
	time.Sleep(time.Second)
}

// lastTold returns the version of a secret that the cache told of last; 0 if there is
// none, or it may have been evicted before it was written, or kept back by a Hook.
func (r *run) lastTold(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cfg.MaxSize != 0 || r.cfg.Hook != nil {
		return 0
	}
	last := 0
	for _, f := range r.knownOf(id).fetches {
		if f.brought(r.closing) {
			last = f.version
		}
	}
	return last
}
