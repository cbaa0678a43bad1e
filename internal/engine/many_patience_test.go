package engine_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// A GetAll whose context ends before it could ask for a secret is no exception.
func TestGetAllReturnsLastGoodValuesWhenItsContextEnds(t *testing.T) {
	for name, row := range map[string]struct {
		timeout time.Duration
		unknown int // secrets that are asked for first
		pace    func(context.Context) error
	}{
		"before it begins":             {0, 0, nil},
		"while the pace holds it back": {3 * time.Second, 0, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
		"while others hang":            {3 * time.Second, 100, nil},
		"while its requests hang":      {3 * time.Second, 0, nil},
	} {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, many %v", name, many), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("a", "b", "c")
					var source secret.Source = s
					if many {
						source = hangingMany(s)
					}
					c := open(t, source, engine.Config{TTL: time.Hour, NoRefreshAhead: true})
					ids := []string{"a", "b", "c"}
					for _, id := range ids {
						get(t, c, id)
					}
					time.Sleep(time.Hour)
					s.hang()
					ctx, cancel := context.WithTimeout(t.Context(), row.timeout)
					defer cancel()
					var all []secret.Ref
					for i := range row.unknown {
						all = append(all, ref(nameOf(i)))
					}
					snaps, errs := getAll(ctx, c, append(all, refs(ids...)...), row.pace)
					for i, id := range ids {
						if i += row.unknown; errs[i] != nil || snaps[i].VersionID() != "v1" || !snaps[i].Expired() {
							t.Errorf("%s: %v, %v", id, snaps[i], errs[i])
						}
					}
					time.Sleep(time.Minute) // in the queue
					settle()
					if n := s.countOf(); row.unknown == 0 && (n["a"] < 2 || n["b"] < 2 || n["c"] < 2) {
						t.Errorf("%v calls: a refresh of each is begun", n)
					}
				})
			})
		}
	}
}

// hangingMany is s with a FetchMany that makes requests for one secret each.
func hangingMany(s *service) secret.Source {
	m := &manyService{service: s, request: func(ctx context.Context, refs []secret.Ref, answer answerFunc) error {
		v, err := s.Fetch(ctx, refs[0])
		if err == nil {
			answer(refs[0], v, nil)
		}
		return err
	}}
	m.many = func(ctx context.Context, refs []secret.Ref, answer answerFunc) { m.requests(ctx, refs, answer, 1) }
	return m
}

// There are more of them than requests may be under way.
func TestGetAllOfManyThatHangReturnsWhatThereIs(t *testing.T) {
	for _, start := range []bool{false, true} {
		for name, interval := range map[string]time.Duration{"at once": 0, "at a pace": time.Millisecond} {
			t.Run(fmt.Sprintf("%s, at a start: %v", name, start), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s, all := servingMany(300), refsOfMany(300)
					cfg := engine.Config{TTL: time.Hour, NoRefreshAhead: true}
					if start {
						cfg = cfg.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key"))
					}
					c := open(t, hangingMany(s), cfg)
					getAll(t.Context(), c, all, nil)
					if start {
						c.Close()
						c = open(t, hangingMany(s), cfg)
					}
					time.Sleep(time.Hour)
					s.hang()
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					waited := took(func() {
						for i, snap := range must(getAll(ctx, c, all, pace(interval))) {
							if snap == nil || snap.VersionID() != "v1" {
								t.Fatalf("secret %d: %v", i, snap)
							}
						}
					})
					if waited > 3*time.Second {
						t.Errorf("waited %v", waited)
					}
				})
			})
		}
	}
}

// A pace, or a service that is slow to answer so many, is no reason to take what the file has.
func TestGetAllAtAStartTakesNothingFromTheFileThatCanBeFetched(t *testing.T) {
	n, rounds := 300, 5
	if testing.Short() {
		n, rounds = 100, 2
	}
	for name, row := range map[string]struct{ takes, interval, inAll time.Duration }{
		"64 at a time": {900 * time.Millisecond, 0, time.Duration(rounds) * 900 * time.Millisecond},
		"at a pace":    {0, 5 * time.Second, time.Duration(n-1) * 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s, all := servingMany(n), refsOfMany(n)
				cfg := engine.Config{}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key"))
				c := open(t, s, cfg)
				getAll(t.Context(), c, all, nil)
				c.Close()
				for i := range all {
					s.rotate(nameOf(i), "v2")
				}
				s.take(row.takes)
				began := time.Now()
				for i, snap := range must(getAll(t.Context(), open(t, s, cfg), all, pace(row.interval))) {
					if snap.VersionID() != "v2" {
						t.Fatalf("secret %d: %v", i, snap)
					}
				}
				if took := time.Since(began); took != row.inAll {
					t.Errorf("it took %v, want %v", took, row.inAll)
				}
			})
		})
	}
}

func must(snaps []*engine.Snapshot, _ []error) []*engine.Snapshot { return snaps }
