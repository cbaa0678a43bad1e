package sourcetest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

// memory is a source as it should be, and the service behind it.
type memory struct {
	mu       sync.Mutex // guards the rest
	secrets  map[string][]secret.Value
	failing  sourcetest.Failure
	requests int
	released chan struct{} // closed when failing ends
}

func (m *memory) put(id string, p secret.Payload) {
	m.mu.Lock()
	defer m.mu.Unlock()
	version := fmt.Sprintf("%s-version-%026d", id, len(m.secrets[id])+1)
	m.secrets[id] = append(m.secrets[id], secret.Value{Payload: p, Name: id, VersionID: version})
}

var failures = map[sourcetest.Failure]error{
	sourcetest.Unavailable:   secret.ErrUnavailable,
	sourcetest.Throttled:     secret.ErrThrottled,
	sourcetest.Denied:        secret.ErrAccessDenied,
	sourcetest.Undecryptable: secret.ErrDecryption,
}

func (m *memory) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	m.mu.Lock()
	m.requests++
	failing, versions, released := m.failing, m.secrets[ref.ID], m.released
	m.mu.Unlock()
	if failing == sourcetest.Hanging {
		select {
		case <-ctx.Done():
		case <-released:
		}
	}
	if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
		return secret.Value{}, fmt.Errorf("%w: %w", secret.ErrTimeout, err)
	} else if err != nil {
		return secret.Value{}, err
	}
	if err := failures[failing]; err != nil {
		return secret.Value{}, err
	}
	for i, v := range versions {
		v.Stages = nil
		switch i {
		case len(versions) - 1:
			v.Stages = []string{"AWSCURRENT"}
		case len(versions) - 2:
			v.Stages = []string{"AWSPREVIOUS"}
		}
		if (ref.Stage == "" || strings.Join(v.Stages, "") == ref.Stage) && (ref.VersionID == "" || v.VersionID == ref.VersionID) {
			return v, nil
		}
	}
	return secret.Value{}, secret.ErrNotFound
}

func harness() (*memory, sourcetest.Harness) {
	m := &memory{secrets: map[string][]secret.Value{}}
	put := func(_ testing.TB, id, value string) { m.put(id, secret.StringPayload(value)) }
	h := sourcetest.Harness{
		Source:    m,
		Put:       put,
		PutBinary: func(_ testing.TB, id string, value []byte) { m.put(id, secret.BinaryPayload(value)) },
		Rotate:    put,
		Remove: func(_ testing.TB, id string) {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.secrets, id)
		},
		Empty: true, VersionIDs: true, Pinning: true, Stages: true,
		Failures: map[sourcetest.Failure]func(testing.TB) func(){},
		Requests: func() int {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.requests
		},
	}
	set := func(f sourcetest.Failure) {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.failing = f; f != "" {
			m.released = make(chan struct{})
		} else {
			close(m.released)
		}
	}
	for _, f := range []sourcetest.Failure{
		sourcetest.Unavailable, sourcetest.Throttled, sourcetest.Denied, sourcetest.Undecryptable, sourcetest.Hanging,
	} {
		h.Failures[f] = func(testing.TB) func() { set(f); return func() { set("") } }
	}
	return m, h
}

func TestGoodSourcePasses(t *testing.T) {
	_, h := harness()
	sourcetest.Run(t, h)
}

func TestSourceWithFewCapabilitiesPasses(t *testing.T) {
	m, all := harness()
	// As a source of files would have it: one value a name, no versions.
	sourcetest.Run(t, sourcetest.Harness{
		Put: all.Put,
		Source: secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
			v, err := m.Fetch(ctx, secret.Ref{ID: ref.ID})
			v.VersionID, v.Stages = "", nil
			return v, err
		}),
	})
}

// TestBrokenSourcesFail breaks the good source in one way at a time.
func TestBrokenSourcesFail(t *testing.T) {
	type fetch = func(context.Context, secret.Ref) (secret.Value, error)
	onValue := func(change func(*secret.Value)) func(fetch) fetch {
		return func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				v, err := good(ctx, ref)
				if err == nil {
					change(&v)
				}
				return v, err
			}
		}
	}
	onError := func(change func(secret.Ref, error) error) func(fetch) fetch {
		return func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				v, err := good(ctx, ref)
				if err != nil {
					err = change(ref, err)
				}
				return v, err
			}
		}
	}
	onRef := func(change func(*secret.Ref)) func(fetch) fetch {
		return func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				change(&ref)
				return good(ctx, ref)
			}
		}
	}
	const hidden = "Zq7!Xw9@Kv3#Jp5$Ym1%Ub8^Tn2&Rc6*" // as the suite puts it

	for _, c := range []struct {
		name   string
		broken func(fetch) fetch
		check  string // one that must fail
	}{
		{"binary as text", onValue(func(v *secret.Value) { v.Payload = secret.StringPayload(v.Payload.Reveal()) }), "binary"},
		{"text as binary", onValue(func(v *secret.Value) { v.Payload = secret.BinaryPayload(v.Payload.Bytes()) }), "text"},
		{"trims space", onValue(func(v *secret.Value) {
			if !v.Payload.IsBinary() {
				v.Payload = secret.StringPayload(strings.TrimSpace(v.Payload.Reveal()))
			}
		}), "exact-bytes"},
		{"cuts at 64,000 bytes", onValue(func(v *secret.Value) {
			if v.Payload.IsBinary() {
				v.Payload = secret.BinaryPayload(v.Payload.Bytes()[:min(64_000, len(v.Payload.Bytes()))])
			}
		}), "exact-bytes"},
		{"mends UTF-8", onValue(func(v *secret.Value) {
			if v.Payload.IsBinary() {
				v.Payload = secret.BinaryPayload(bytes.ToValidUTF8(v.Payload.Bytes(), []byte("?")))
			}
		}), "exact-bytes"},
		{"no version IDs", onValue(func(v *secret.Value) { v.VersionID = "" }), "text"},
		{"one version ID for ever", onValue(func(v *secret.Value) { v.VersionID = "v" }), "rotation"},
		{"sets FetchedAt", onValue(func(v *secret.Value) { v.FetchedAt = v.Created.Add(1) }), "text"},
		{"sets FetchedAt of versions asked for", func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				v, err := good(ctx, ref)
				if ref.VersionID != "" {
					v.FetchedAt = v.Created.Add(1)
				}
				return v, err
			}
		}, "pinned-version"},
		{"no stages", onValue(func(v *secret.Value) { v.Stages = nil }), "text"},
		{"the name of another secret", onValue(func(v *secret.Value) { v.Name = "other" }), "text"},
		{"remembers the first answer", func(good fetch) fetch {
			var answers sync.Map
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				if v, ok := answers.Load(ref); ok {
					return v.(secret.Value), nil
				}
				v, err := good(ctx, ref)
				if err == nil {
					answers.Store(ref, v)
				}
				return v, err
			}
		}, "rotation"},
		{"ignores the stage", onRef(func(r *secret.Ref) { r.Stage = "AWSCURRENT" }), "previous-stage"},
		{"ignores the version ID", onRef(func(r *secret.Ref) { r.VersionID = "" }), "pinned-version"},
		{"nothing found, no error", func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				v, err := good(ctx, ref)
				if errors.Is(err, secret.ErrNotFound) {
					return secret.Value{}, nil
				}
				return v, err
			}
		}, "not-found"},
		{"errors of its own only", onError(func(secret.Ref, error) error { return errors.New("failed") }), "failures"},
		{"all errors are unavailable", onError(func(_ secret.Ref, err error) error {
			return fmt.Errorf("%w: %w", secret.ErrUnavailable, err)
		}), "failures"},
		{"ignores its context", func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				return good(context.WithoutCancel(ctx), ref)
			}
		}, "cancelled"},
		{"a deadline is no timeout", onError(func(_ secret.Ref, err error) error {
			if errors.Is(err, secret.ErrTimeout) {
				return context.DeadlineExceeded
			}
			return err
		}), "deadline"},
		{"cancelling is a timeout", onError(func(_ secret.Ref, err error) error {
			if errors.Is(err, context.Canceled) {
				return fmt.Errorf("%w: %w", secret.ErrTimeout, err)
			}
			return err
		}), "cancelled"},
		{"one slice of stages for all", func(good fetch) fetch {
			var mu sync.Mutex
			var stages []string
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				v, err := good(ctx, ref)
				mu.Lock()
				defer mu.Unlock()
				if stages == nil && err == nil {
					stages = v.Stages
				}
				v.Stages = stages
				return v, err
			}
		}, "no-shared-memory"},
		{"the secret in an error", onError(func(_ secret.Ref, err error) error {
			return fmt.Errorf("can't parse %q: %w", hidden, err)
		}), "failures"},
		{"the secret in a wrapped error's field", onError(func(_ secret.Ref, err error) error {
			return &quoting{err: err, snapshot: hidden}
		}), "failures"},
		{"tries again", func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				v, err := good(ctx, ref)
				if errors.Is(err, secret.ErrThrottled) {
					return good(ctx, ref)
				}
				return v, err
			}
		}, "one-request-a-fetch"},
		{"asks twice", func(good fetch) fetch {
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				if _, err := good(ctx, ref); err != nil {
					return secret.Value{}, err
				}
				return good(ctx, ref)
			}
		}, "one-request-a-fetch"},
		{"mixes up concurrent fetches", func(good fetch) fetch {
			var mu sync.Mutex
			var last secret.Ref
			return func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
				mu.Lock()
				before := last
				last = ref
				mu.Unlock()
				if before.ID != "" && before.ID[:len(before.ID)-1] == ref.ID[:len(ref.ID)-1] {
					ref = before
				}
				return good(ctx, ref)
			}
		}, "concurrent-use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m, h := harness()
				h.Source = secret.SourceFunc(c.broken(m.Fetch))
				failed := sourcetest.Failed(t, h)
				if len(failed[c.check]) == 0 {
					t.Errorf("%s does not fail; what does: %q", c.check, failed)
				}
			})
		})
	}
}

// TestAGoroutineLeftBehindIsFound is of real goroutines: to see that one stays takes
// real time.
func TestAGoroutineLeftBehindIsFound(t *testing.T) {
	m, h := harness()
	done := make(chan struct{})
	defer close(done)
	h.Source = secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
		go func() { <-done }()
		return m.Fetch(ctx, ref)
	})
	if failed := sourcetest.Failed(t, h); len(failed["concurrent-use"]) == 0 {
		t.Errorf("concurrent-use does not fail; what does: %q", failed)
	}
}

// quoting shows what it holds with %+v and %#v only.
type quoting struct {
	err      error
	snapshot string
}

func (q *quoting) Error() string { return "can't parse" }
func (q *quoting) Unwrap() error { return q.err }
