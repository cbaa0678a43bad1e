package engine

import (
	"context"
	"crypto/cipher"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/sealed"
	"github.com/typedsecret/typedsecret/internal/world"
)

// A SealedFile says where the values are kept for a start in an outage; see WithSealedFile of
// package cache's Config.
type SealedFile struct {
	Path   string
	Sealer cipher.AEAD
}

// WithSealedFile returns c with a SealedFile.
func (c Config) WithSealedFile(path string, sealer cipher.AEAD) Config {
	c.SealedFile = &SealedFile{path, sealer}
	return c
}

// open returns the file for a Cache of this MaxSize.
func (f SealedFile) open(maxSize int) (*sealed.File, error) {
	return sealed.New(f.Path, f.Sealer, maxFile(maxSize))
}

// perSecret is more than a record takes of the largest secret that Secrets Manager has:
// 64 KiB in base64, and its names and stages.
const perSecret = 128 << 10

// maxFile is how many bytes the file of a Cache may have. A small MaxSize does not lower it
// below its default, since the file may be of a time when MaxSize was larger.
func maxFile(maxSize int) int64 { return int64(max(maxSize, DefaultMaxSize)) * perSecret }

// sealInterval keeps two writes apart.
const sealInterval = time.Second

// A sealedFile keeps the values of a Cache in a file.
type sealedFile struct {
	file    *sealed.File
	writer  uint64             // drawn: the Cache, for what it writes
	reads   singleflight.Group // of restore: many secrets may be looked for at a time
	writing chan struct{}      // holds one while the file is read to be written

	outdated bool         // something is not in the file yet; guarded by Cache.mu
	untried  bool         // it was outdated since the last try to write; guarded by Cache.mu
	busy     bool         // keepSealed runs; guarded by Cache.mu
	refused  map[Ref]said // refusals that are not in the file yet; guarded by Cache.mu
}

// openSealed returns the file that cfg asks for, or nil if it asks for none. It fails if
// the file can't be written.
func openSealed(cfg Config) (*sealedFile, error) {
	if cfg.SealedFile == nil {
		return nil, nil
	}
	file, err := cfg.SealedFile.open(cfg.MaxSize)
	if err == nil {
		err = file.Probe()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: WithSealedFile: %w: %w", ErrInvalidConfig, ErrSealedFile, err)
	}
	return &sealedFile{file: file, writer: world.Uint64(), writing: make(chan struct{}, 1)}, nil
}

// outdateSealed notes that there is something to be written. Called with mu held.
func (c *Cache) outdateSealed() {
	b := c.sealed
	if b == nil {
		return
	}
	b.outdated, b.untried = true, true
	if !b.busy {
		b.busy = true
		c.running.Go(c.keepSealed)
	}
}

// keepSealed writes the file until there is nothing new. It does not repeat a write that
// failed: the next news or Close does.
func (c *Cache) keepSealed() {
	for c.writeSealed(false) {
		timer := time.NewTimer(sealInterval)
		select {
		case <-timer.C:
		case <-c.done.Done(): // and Close has written
			timer.Stop()
			return
		}
	}
}

// writeSealed writes the file, or tries to, if there is something new, or, if it is the last
// time, something that is not in it; and reports whether there was.
func (c *Cache) writeSealed(last bool) bool {
	b := c.sealed
	b.writing <- struct{}{}
	defer func() { <-b.writing }()
	c.mu.Lock()
	if !b.untried && !(last && b.outdated) || c.closed {
		if !last {
			b.busy = false
		}
		c.mu.Unlock()
		return false
	}
	b.outdated, b.untried = false, false
	values, refused := c.heldNow(), maps.Clone(b.refused)
	c.mu.Unlock()
	err := toEnd(func() error {
		now := time.Unix(0, c.now().wall)
		return b.write(c.recordsOf(values, refused, now), max(c.cfg.MaxSize, len(values)), now)
	})
	c.mu.Lock()
	b.outdated = b.outdated || err != nil
	if err == nil {
		maps.DeleteFunc(b.refused, func(ref Ref, s said) bool { return refused[ref] == s })
	}
	c.mu.Unlock()
	if err != nil {
		c.observe(context.Background(), hook.SealedFileFailed{Path: b.file.Path(), Err: err})
	}
	return true
}

// A held value is one in memory, and what the source said after it was fetched.
type held struct {
	snap *Snapshot
	said said
}

// heldNow returns what the Cache holds. Called with mu held.
func (c *Cache) heldNow() []held {
	entries := c.kept()
	all := make([]held, 0, len(entries))
	for _, e := range entries {
		h := held{snap: e.snap.Load()}
		if h.snap == nil {
			continue
		}
		if f := e.failure(); f != nil {
			h.said = f.said
		}
		all = append(all, h)
	}
	return all
}

// recordsOf returns what the Cache knows, and derives what the hook keeps, within one
// FetchTimeout. If it can't derive a value, the file keeps what it has of that secret. It
// derives no value that the file has already, and none of a secret that is gone.
func (c *Cache) recordsOf(values []held, refused map[Ref]said, now time.Time) []record {
	ctx, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
	defer cancel()
	var inFile map[Ref]moment
	if c.cfg.Hook != nil {
		inFile = c.sealed.moments()
	}
	records := make([]record, 0, len(values)+len(refused))
	for _, h := range values {
		r := recordOf(h.snap.Ref())
		r.ARN, r.said, r.held = h.snap.Metadata().ARN, h.said, true
		if last, has := inFile[r.ref()]; h.said.Gone == nil && (!has || c.sealed.momentOf(h.snap).after(last, now)) {
			r.Value = c.derive(ctx, h.snap)
		}
		records = append(records, r)
	}
	for ref, s := range refused {
		r := recordOf(ref)
		r.said = s
		records = append(records, r)
	}
	return records
}

// derive returns what the file is to have of s; nil if the hook fails, or the time is over.
func (c *Cache) derive(ctx context.Context, s *Snapshot) *stored {
	if s.Hooked() && ctx.Err() != nil {
		return nil
	}
	v, err := s.Value(ctx)
	if err != nil {
		return nil
	}
	return c.sealed.storedOf(s, v)
}

// toEnd runs f, which calls the user's code, in a goroutine of its own, so that
// runtime.Goexit in there does not end that of the caller.
func toEnd(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := fmt.Errorf("%w: %w", ErrSealedFile, errBrokenOff)
		defer func() { result <- err }()
		err = f()
	}()
	return <-result
}
