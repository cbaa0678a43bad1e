package cache

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

// WithSnapshot returns c with a sealed snapshot: a file at path that holds the values of
// the cache, encrypted by sealer, so that a process that starts while the source can't
// answer ([ErrUnavailable], [ErrTimeout], [ErrThrottled]) has those of an earlier one.
// They are returned as stale, with the age that they have by then, as far as
// Config.StaleIfError allows, and refreshed when the back-off lets a fetch through.
//
// The file follows the refusals of the source. If the source says that a secret does not
// exist ([ErrNotFound]) or is deleted ([ErrDeleted]), the next write takes the secret out
// of the file, until the source gives the secret again. If the source refuses a secret
// otherwise ([ErrAccessDenied], [ErrDecryption], [ErrInvalidRequest]), its value stays, since
// a mistake in a policy may be mended soon. The file remembers that refusal until the source
// gives the secret again. In an outage StaleIfError then gets an error that wraps both the
// outage and the refusal, and that says when the refusal was.
//
// If the file was written more than 5 s in the future of the wall clock, the age of its
// values is unknown. StaleIfError then gets the largest Duration (math.MaxInt64), so that a
// limit on the age refuses them.
//
// The file is written after a successful fetch and a refusal, in the background, once a
// second at most, and by Close if this Cache has something that it did not write yet. It
// holds the newest MaxSize values, or as many as the cache keeps with those of handles, if
// these are more. A value that another process wrote stays in the file
// until 90 days after it was fetched. So processes of one service may share a file; for
// each secret, the latest news that any of them had counts. If two processes write at the
// same moment, the file lacks the news of one of them until its next write, so processes
// that start together had better have a file each. The file is replaced as a whole: after a
// crash at any moment the old or the new one is there. Only its owner may read it. A
// symbolic link at path is itself replaced.
//
// The directory must exist. [New] tries to create a file in it, and returns an error that
// wraps [ErrSnapshot] if that fails.
//
// Sealer is an authenticated cipher such as AES-GCM, with a key that is kept elsewhere: in
// KMS, say. It is called by several goroutines at once, and must not wait for anything, as
// Close waits for it. A file that is truncated, was tampered with, was sealed with another
// key or is of another format is refused: no part of it is used, and the next write
// replaces it. A file that this library did not write stays as it is. So does a file that
// is too large, which is not even read; the limit is 128 KiB for each of MaxSize secrets,
// but at least 128 MiB and at most 1 GiB. In each of these cases the Observer gets
// [hook.SnapshotFailed], and the error of a Get that needed the file wraps [ErrSnapshot].
// If a write fails, the file stays as it was, the Observer gets the same event, and the
// next fetch, or Close, tries again. With a Hook, a value is derived for the time of the
// writing, if the file does not have it yet.
func (c Config) WithSnapshot(path string, sealer cipher.AEAD) Config {
	c.snapshot = func(maxSize int) (*sealed.File, error) { return sealed.New(path, sealer, maxFile(maxSize)) }
	return c
}

// perSecret is more than a record takes of the largest secret that Secrets Manager has:
// 64 KiB in base64, and its names and stages.
const perSecret = 128 << 10

// maxFile is how many bytes the file of a Cache may have. A small MaxSize does not lower it
// below its default, since the file may be of a time when MaxSize was larger.
func maxFile(maxSize int) int64 { return int64(max(maxSize, DefaultMaxSize)) * perSecret }

// backupInterval keeps two writes apart.
const backupInterval = time.Second

// A backup keeps the values of a Cache in a file.
type backup struct {
	file    *sealed.File
	writer  uint64             // drawn: the Cache, for what it writes
	reads   singleflight.Group // of restore: many secrets may be looked for at a time
	writing chan struct{}      // holds one while the file is read to be written

	outdated bool             // something is not in the file yet; guarded by Cache.mu
	untried  bool             // it was outdated since the last try to write; guarded by Cache.mu
	busy     bool             // keepBackup runs; guarded by Cache.mu
	refused  map[Ref]*refusal // refusals that are not in the file yet; guarded by Cache.mu
}

// openBackup returns the backup that cfg asks for, or nil if it asks for none. It fails if
// the file can't be written.
func openBackup(cfg Config) (*backup, error) {
	if cfg.snapshot == nil {
		return nil, nil
	}
	file, err := cfg.snapshot(cfg.MaxSize)
	if err == nil {
		err = file.Probe()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: WithSnapshot: %w: %w", ErrInvalidConfig, ErrSnapshot, err)
	}
	return &backup{file: file, writer: world.Uint64(), writing: make(chan struct{}, 1)}, nil
}

// outdateBackup notes that there is something to be written. Called with mu held.
func (c *Cache) outdateBackup() {
	b := c.backup
	if b == nil {
		return
	}
	b.outdated, b.untried = true, true
	if !b.busy {
		b.busy = true
		c.running.Go(c.keepBackup)
	}
}

// keepBackup writes the file until there is nothing new. It does not repeat a write that
// failed: the next news or Close does.
func (c *Cache) keepBackup() {
	for c.writeBackup(false) {
		timer := time.NewTimer(backupInterval)
		select {
		case <-timer.C:
		case <-c.done.Done(): // and Close has written
			timer.Stop()
			return
		}
	}
}

// writeBackup writes the file, or tries to, if there is something new, or, if it is the last
// time, something that is not in it; and reports whether there was.
func (c *Cache) writeBackup(last bool) bool {
	b := c.backup
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
		maps.DeleteFunc(b.refused, func(ref Ref, r *refusal) bool { return refused[ref] == r })
	}
	c.mu.Unlock()
	if err != nil {
		c.observe(context.Background(), hook.SnapshotFailed{Path: b.file.Path(), Err: err})
	}
	return true
}

// A held value is one in memory, and what the source said after it was fetched.
type held struct {
	snap    *Snapshot
	refusal *refusal
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
			h.refusal = f.refusal
		}
		all = append(all, h)
	}
	return all
}

// recordsOf returns what the Cache knows, and derives what the hook keeps, within one
// FetchTimeout. If it can't derive a value, the file keeps what it has of that secret. It
// derives no value that the file has already, and none of a secret that is gone.
func (c *Cache) recordsOf(values []held, refused map[Ref]*refusal, now time.Time) []record {
	ctx, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
	defer cancel()
	var inFile map[Ref]moment
	if c.cfg.Hook != nil {
		inFile = c.backup.moments()
	}
	records := make([]record, 0, len(values)+len(refused))
	for _, h := range values {
		r := recordOf(h.snap.Ref())
		r.ARN, r.Refused, r.held = h.snap.Metadata().ARN, h.refusal, true
		if last, has := inFile[r.ref()]; h.refusal.lastGone() == nil && (!has || c.backup.momentOf(h.snap).after(last, now)) {
			r.Value = c.derive(ctx, h.snap)
		}
		records = append(records, r)
	}
	for ref, why := range refused {
		r := recordOf(ref)
		r.Refused = why
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
	return c.backup.storedOf(s, v)
}

// toEnd runs f, which calls the user's code, in a goroutine of its own, so that
// runtime.Goexit in there does not end that of the caller.
func toEnd(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := fmt.Errorf("%w: %w", ErrSnapshot, errBrokenOff)
		defer func() { result <- err }()
		err = f()
	}()
	return <-result
}
