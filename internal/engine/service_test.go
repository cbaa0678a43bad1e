package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

var errDown = errors.New("the service is down")

// never is a Backoff whose first delay is longer than any test.
var never = backoff.Policy{Base: 1000 * time.Hour, Max: 1000 * time.Hour, Jitter: backoff.NoJitter}

// every is a Backoff that always waits for d.
func every(d time.Duration) backoff.Policy {
	return backoff.Policy{Base: d, Max: d, Growth: 1, Jitter: backoff.NoJitter}
}

// A service is a Source that behaves as the test says. Its values are found by
// ID; the payload of version "v1" of "db" is "db v1".
type service struct {
	mu       sync.Mutex
	versions map[string]string // ID to version ID
	err      error
	errs     map[string]error // by ID
	takes    time.Duration    // negative: hangs until its context ends
	calls    []call
}

// failFor has the fetches of one ID fail.
func (s *service) failFor(id string, err error) {
	s.set(func(s *service) {
		if s.errs == nil {
			s.errs = map[string]error{}
		}
		s.errs[id] = err
	})
}

// A call is one Fetch that the service saw.
type call struct {
	ref   secret.Ref
	began time.Time
}

// serving makes a service that holds version v1 of each ID.
func serving(ids ...string) *service {
	s := &service{versions: map[string]string{}}
	for _, id := range ids {
		s.versions[id] = "v1"
	}
	return s
}

func (s *service) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	s.mu.Lock()
	s.calls = append(s.calls, call{ref, time.Now()})
	version, known := s.versions[ref.ID]
	err, takes := cmp.Or(s.errs[ref.ID], s.err), s.takes
	s.mu.Unlock()
	switch {
	case takes < 0:
		<-ctx.Done()
		return secret.Value{}, ctx.Err()
	case takes > 0:
		time.Sleep(takes)
	}
	if err != nil {
		return secret.Value{}, err
	}
	if !known {
		return secret.Value{}, fmt.Errorf("%w: %s", secret.ErrNotFound, ref.ID)
	}
	return secret.Value{
		Payload: secret.StringPayload(ref.ID + " " + version), Name: ref.ID,
		VersionID: version, Stages: []string{ref.Stage},
	}, nil
}

// set changes what the service does from now on.
func (s *service) set(change func(s *service)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *service) rotate(id, version string) {
	s.set(func(s *service) { s.versions[id] = version })
}
func (s *service) fail(err error)       { s.set(func(s *service) { s.err = err }) }
func (s *service) mend()                { s.set(func(s *service) { s.err, s.takes = nil, 0 }) }
func (s *service) hang()                { s.set(func(s *service) { s.takes = -1 }) }
func (s *service) take(d time.Duration) { s.set(func(s *service) { s.takes = d }) }

// count returns how many calls the service saw.
func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls)
}

// countOf returns how many calls there were for each ID.
func (s *service) countOf() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := map[string]int{}
	for _, c := range s.calls {
		n[c.ref.ID]++
	}
	return maps.Clone(n)
}

// open makes a Cache that the end of the test closes.
func open(t testing.TB, source secret.Source, cfg engine.Config) *engine.Cache {
	t.Helper()
	c, err := engine.New(source, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func ref(id string) secret.Ref { return secret.Ref{ID: id} }

// get reads a secret that must be had.
func get(t testing.TB, c *engine.Cache, id string) string {
	t.Helper()
	v, err := c.Get(t.Context(), ref(id))
	if err != nil {
		t.Errorf("Get(%s): %v", id, err)
	}
	return v.Payload.Reveal()
}

// wantGet reads a secret that must have this payload.
func wantGet(t testing.TB, c *engine.Cache, id, want string) {
	t.Helper()
	if got := get(t, c, id); got != want {
		t.Errorf("Get(%s) = %q, want %q", id, got, want)
	}
}

// wantErr reads a secret that must not be had, because of want.
func wantErr(t testing.TB, c *engine.Cache, id string, want error) {
	t.Helper()
	if v, err := c.Get(t.Context(), ref(id)); !errors.Is(err, want) {
		t.Errorf("Get(%s) = %q, error %v; want the error %v", id, v.Payload.Reveal(), err, want)
	}
}

// wantCalls says how many calls the service must have seen.
func wantCalls(t testing.TB, s *service, want int) {
	t.Helper()
	if got := s.count(); got != want {
		t.Errorf("the source saw %d calls, want %d", got, want)
	}
}

// snapshot reads a secret twice, so that the snapshot which it returns is fresh where a
// value may be.
func snapshot(t testing.TB, c *engine.Cache, id string) *engine.Snapshot {
	t.Helper()
	get(t, c, id)
	s, err := c.Lookup(t.Context(), ref(id))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// took runs f and returns how much virtual time that took.
func took(f func()) time.Duration {
	start := time.Now()
	f()
	return time.Since(start)
}

// virtual runs a test in virtual time.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// settle waits until all that is under way has ended or waits for time.
func settle() { synctest.Wait() }

// nameOf makes the ID of a secret of many.
func nameOf(i int) string { return fmt.Sprintf("secret-%d", i) }

// entryOf returns the entry of a Ref, as a handle keeps it.
func entryOf(c *engine.Cache, r secret.Ref) *engine.Entry {
	e, err := c.Entry(r)
	if err != nil {
		panic(err)
	}
	return e
}

// getAll is GetAll for Refs.
func getAll(ctx context.Context, c *engine.Cache, refs []secret.Ref, pace func(context.Context) error) ([]*engine.Snapshot, []error) {
	entries := make([]*engine.Entry, len(refs))
	for i, r := range refs {
		var err error
		if entries[i], err = c.Entry(r); err != nil {
			return make([]*engine.Snapshot, len(refs)), []error{err}
		}
	}
	return c.GetAll(ctx, entries, pace)
}

// failingFor is a hook that leaves all as it is but for the secret id.
type failingFor string

func (h failingFor) Put(_ context.Context, item hook.Item, plain []byte) ([]byte, error) {
	if item.ID == string(h) {
		return nil, errors.New("not this one")
	}
	return append([]byte("stored "), plain...), nil
}

func (h failingFor) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) {
	return stored[len("stored "):], nil
}

func refs(ids ...string) (refs []secret.Ref) {
	for _, id := range ids {
		refs = append(refs, ref(id))
	}
	return refs
}
