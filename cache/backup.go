package cache

import (
	"context"
	"crypto/cipher"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/sealed"
)

// WithSnapshot returns c with a sealed snapshot: a file at path that holds the values of
// the cache, encrypted by sealer, so that a process that starts while the source can't
// answer ([ErrUnavailable], [ErrTimeout], [ErrThrottled]) has those of an earlier one.
// They are returned as stale, with the age that they have by then, as far as
// Config.StaleIfError allows, and refreshed when the back-off lets a fetch through. What
// the source refuses ([ErrNotFound], [ErrAccessDenied] and so on) is not in the file's
// power to give.
//
// The file is written after a successful fetch, in the background, once a second at most,
// and by Close if this Cache has something that it did not write yet. What the file has of
// secrets that this process did not fetch stays in it, the newest MaxSize in all, so processes
// of one service may share it; of two that write at the same moment, one's newest values are
// not in it until its next write, so those that start together had better have a file each.
// It is replaced as a whole: after a crash at any moment the old or the new one is there.
// Only its owner may read it. The directory must exist; a symbolic link at path is itself
// replaced.
//
// Sealer is an authenticated cipher such as AES-GCM, with a key that is kept elsewhere: in
// KMS, say. It is called by several goroutines at once, and must not wait for anything, as
// Close waits for it. A file that is truncated, was tampered with, was sealed with another
// key or is of a newer format is not used, in no part, and is replaced at the next write; one
// that is none of this library's stays as it is. The Observer is told by [hook.SnapshotFailed],
// and the error of a Get that needed it wraps [ErrSnapshot]. If writing fails, the file
// before stays, the Observer is told, and the next fetch, or Close, tries again. With a
// Hook, the values are derived for the time of the writing.
func (c Config) WithSnapshot(path string, sealer cipher.AEAD) Config {
	c.snapshot = func() (*sealed.File, error) { return sealed.New(path, sealer) }
	return c
}

// backupInterval keeps two writes apart.
const backupInterval = time.Second

// A backup keeps the values of a Cache in a file.
type backup struct {
	file    *sealed.File
	writer  uint64             // drawn: who writes it
	reads   singleflight.Group // of restore: many secrets may be looked for at a time
	writing chan struct{}      // holds one while the file is read to be written

	outdated bool // something is not in the file yet; guarded by Cache.mu
	untried  bool // to be written, since it was outdated again; guarded by Cache.mu
	busy     bool // keepBackup runs; guarded by Cache.mu
}

// A record is one value in the file.
type record struct {
	ID        string    `json:"id"`
	Stage     string    `json:"stage,omitempty"`
	Pinned    string    `json:"pinned,omitempty"` // the VersionID of the Ref
	Payload   []byte    `json:"payload"`
	Binary    bool      `json:"binary,omitempty"`
	ARN       string    `json:"arn,omitempty"`
	Name      string    `json:"name,omitempty"`
	VersionID string    `json:"version,omitempty"`
	Stages    []string  `json:"stages,omitempty"`
	Created   time.Time `json:"created"`
	FetchedAt time.Time `json:"fetched"`
	Replica   string    `json:"replica,omitempty"`
	Writer    uint64    `json:"writer,omitempty"` // the cache that wrote it
	Number    uint64    `json:"number,omitempty"` // of the Snapshot, in that cache
	Mono      int64     `json:"mono,omitempty"`   // FetchedAt by its monotonic clock
}

func (r *record) ref() Ref { return Ref{ID: r.ID, Stage: r.Stage, VersionID: r.Pinned} }

// A kept value is one that the file has.
type kept struct {
	Value
	number uint64 // of its Snapshot; 0 if that was of another Cache
	mono   int64  // when it was fetched, if number is not 0
}

func (b *backup) keptBy(r *record) kept {
	k := kept{Value: Value{
		Payload: newPayload(r.Payload, r.Binary), ARN: r.ARN, Name: r.Name, VersionID: r.VersionID,
		Stages: r.Stages, Created: r.Created, FetchedAt: r.FetchedAt, Replica: r.Replica,
	}}
	if r.Writer == b.writer {
		k.number, k.mono = r.Number, r.Mono
	}
	return k
}

func (b *backup) recordOf(s *Snapshot, v Value) record {
	ref := s.Ref()
	return record{
		ID: ref.ID, Stage: ref.Stage, Pinned: ref.VersionID,
		Payload: v.Payload.Bytes(), Binary: v.Payload.IsBinary(), ARN: v.ARN, Name: v.Name, VersionID: v.VersionID,
		Stages: v.Stages, Created: v.Created, FetchedAt: v.FetchedAt, Replica: v.Replica,
		Writer: b.writer, Number: s.number, Mono: s.at.mono,
	}
}

// read returns what the file has; nothing if there is none.
func (b *backup) read() ([]record, error) {
	plain, err := b.file.Read()
	defer clear(plain)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	var records []record
	if json.Unmarshal(plain, &records) != nil { // the error may quote
		return nil, fmt.Errorf("%w: %s: it holds no list of values", ErrSnapshot, b.file.Path())
	}
	return records, nil
}

// values returns what the file has.
func (b *backup) values() (map[Ref]kept, error) {
	records, err := b.read()
	defer clearPayloads(records)
	if err != nil {
		return nil, err
	}
	values := make(map[Ref]kept, len(records))
	for i := range records {
		values[records[i].ref()] = b.keptBy(&records[i])
	}
	return values, nil
}

// write writes records, and of others there is what is in the file. It clears the
// payloads.
func (b *backup) write(records []record, most int, now time.Time) error {
	defer clearPayloads(records)
	old, err := b.read()
	defer clearPayloads(old)
	refused := errors.Is(err, sealed.ErrTruncated) || errors.Is(err, sealed.ErrSealed) || errors.Is(err, sealed.ErrNewer)
	if err != nil && !refused {
		return err // what is there may be good, or none of ours
	}
	plain, err := json.Marshal(b.newest(records, old, most, now))
	defer clear(plain)
	if err == nil {
		err = b.file.Write(plain)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return nil
}

// newest returns the newest of records and old, one for each Ref, up to a number.
// FetchedAt says which is newer, unless the clock was set: what b wrote itself gives way to
// records in any case, and what is from after now counts as older than what is not.
func (b *backup) newest(records, old []record, most int, now time.Time) []record {
	seen := make(map[Ref]bool, len(records))
	for _, r := range records {
		seen[r.ref()] = true
	}
	all := slices.Clone(records)
	for _, r := range old {
		if r.Writer != b.writer || !seen[r.ref()] {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(x, y record) int {
		switch after := x.FetchedAt.After(now); {
		case after == y.FetchedAt.After(now):
			return y.FetchedAt.Compare(x.FetchedAt)
		case after:
			return 1
		default:
			return -1
		}
	})
	clear(seen)
	kept := all[:0]
	for _, r := range all {
		if !seen[r.ref()] && len(kept) < most {
			seen[r.ref()] = true
			kept = append(kept, r)
		}
	}
	return kept
}

func clearPayloads(records []record) {
	for i := range records {
		clear(records[i].Payload)
	}
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

// keepBackup writes the file until there is nothing new. What fails is not tried again for
// its own sake.
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
	snaps := make([]*Snapshot, 0, c.recent.len())
	for _, e := range c.recent.entries() {
		if s := e.snap.Load(); s != nil {
			snaps = append(snaps, s)
		}
	}
	c.mu.Unlock()
	err := toEnd(func() error { return b.write(c.recordsOf(snaps), c.cfg.MaxSize, time.Unix(0, c.now().wall)) })
	if err != nil {
		c.mu.Lock()
		b.outdated = true
		c.mu.Unlock()
		c.observe(context.Background(), hook.SnapshotFailed{Path: b.file.Path(), Err: err})
	}
	return true
}

// toEnd runs f, which calls the user's code, in a goroutine of its own, lest
// runtime.Goexit in there ends that of the caller.
func toEnd(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := fmt.Errorf("%w: %w", ErrSnapshot, errBrokenOff)
		defer func() { result <- err }()
		err = f()
	}()
	return <-result
}

// recordsOf derives what the hook keeps, within one FetchTimeout. What it can't derive is
// not written, nor taken out.
func (c *Cache) recordsOf(snaps []*Snapshot) []record {
	ctx, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
	defer cancel()
	records := make([]record, 0, len(snaps))
	for _, s := range snaps {
		if s.Hooked() && ctx.Err() != nil {
			continue
		}
		if v, err := s.Value(ctx); err == nil {
			records = append(records, c.backup.recordOf(s, v))
		}
	}
	return records
}

// restore looks into the file for the secret whose fetch failed, if nothing is known of
// it and the source could not answer.
func (c *Cache) restore(e *entry, t *trip) (events []hook.Event) {
	if c.backup == nil || e.snap.Load() != nil || !isOutage(t.err) {
		return nil
	}
	values, err := c.readBackup()
	if err != nil {
		t.err = fmt.Errorf("%w; %w", t.err, err)
		return []hook.Event{hook.SnapshotFailed{Path: c.backup.file.Path(), Err: err}}
	}
	v, has := values[t.ref]
	if !has {
		return nil
	}
	timed, cancel := context.WithTimeout(c.done, c.cfg.FetchTimeout)
	defer cancel()
	if err := c.transform(&detached{timed, t.ctx, false}, t.ref, &v.Value); err != nil {
		t.err = fmt.Errorf("%w; %w: %w", t.err, ErrSnapshot, err)
		return nil
	}
	t.kept = &v
	return nil
}

// restoreEarly begins to look into the file for a secret whose first fetch takes long, once
// for each fetch, and publishes what it finds. It returns a channel that is closed then; nil
// if no fetch is under way or the secret has a value.
func (c *Cache) restoreEarly(ctx context.Context, ref Ref) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.find(&ref)
	if c.closed || e == nil || e.snap.Load() != nil || !e.isFlying() {
		return nil
	}
	out := e.under()
	if out.early == nil {
		out.early = make(chan time.Time)
		c.running.Go(func() {
			defer close(out.early)
			c.restoreMeanwhile(context.WithoutCancel(ctx), ref, e)
		})
	}
	return out.early
}

// restoreMeanwhile is restoreEarly in a goroutine of its own.
func (c *Cache) restoreMeanwhile(ctx context.Context, ref Ref, e *entry) {
	t := &trip{ctx: ctx, ref: ref, err: errSlow}
	var events []hook.Event
	c.apart(func() { events = c.restore(e, t) })
	if c.done.Err() != nil {
		return // perhaps before the events were written
	}
	now := c.now()
	c.mu.Lock()
	if t.kept != nil && !c.closed && e.snap.Load() == nil && e.isFlying() {
		if evicted := c.adopt(e, t.kept, now); evicted != nil {
			events = append(events, hook.Evicted{Secret: evicted.event()})
		}
		c.notify(e.key)
	}
	c.mu.Unlock()
	if len(events) > 0 {
		c.apart(func() { c.observe(ctx, events...) })
	}
}

// readBackup returns what the file has, once for all who look at the same time. A disk or a
// sealer that hangs holds them up for one FetchTimeout.
func (c *Cache) readBackup() (map[Ref]kept, error) {
	read := c.backup.reads.DoChan("", func() (any, error) {
		var values map[Ref]kept
		err := toEnd(func() (err error) {
			values, err = c.backup.values()
			return err
		})
		return values, err
	})
	timer := time.NewTimer(c.cfg.FetchTimeout)
	defer timer.Stop()
	select {
	case r := <-read:
		return r.Val.(map[Ref]kept), r.Err
	case <-timer.C:
		return nil, fmt.Errorf("%w: reading %s takes longer than FetchTimeout (%v)", ErrSnapshot, c.backup.file.Path(), c.cfg.FetchTimeout)
	}
}

// adopt publishes what restore found, which is past its TTL whatever its age. Called with mu
// held.
func (c *Cache) adopt(e *entry, v *kept, now instant) (evicted *Snapshot) {
	age := max(0, now.wall-v.FetchedAt.UnixNano())
	s := &Snapshot{entry: e, at: instant{wall: now.wall - age, mono: now.mono - age}, number: v.number, invalid: true}
	if v.number != 0 {
		s.at.mono = v.mono // the wall clock may have been set since
	}
	s.own(v.Value, nil)
	return c.takeBack(e, s)
}
