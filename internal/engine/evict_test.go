package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/secret"
)

// servingMany makes a service with n secrets, named by nameOf.
func servingMany(n int) *service {
	s := serving()
	for i := range n {
		s.versions[nameOf(i)] = "v1"
	}
	return s
}

// refsOfMany returns the Refs of the secrets of servingMany.
func refsOfMany(n int) (refs []secret.Ref) {
	for i := range n {
		refs = append(refs, ref(nameOf(i)))
	}
	return refs
}

func TestExactlyMaxSizeSecretsAreKept(t *testing.T) {
	for _, size := range []int{1, 2, 3, 100, 1024} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				s := servingMany(2 * size)
				c := open(t, s, engine.Config{MaxSize: size})
				for i := range 2 * size {
					get(t, c, nameOf(i))
					if want := min(i+1, size); c.Len() != want || c.Entries() != want {
						t.Fatalf("%d kept of %d read, %d remembered", c.Len(), i+1, c.Entries())
					}
				}
				for i := range size { // the younger half, all of it
					get(t, c, nameOf(size+i))
				}
				wantCalls(t, s, 2*size)
			})
		})
	}
}

// The model is a queue: a secret that was read since it came there goes to its end once,
// when its turn comes, but of one eviction no more than 16 do.
func TestTheLeastRecentlyReadIsEvicted(t *testing.T) {
	for _, size := range []int{1, 2, 3, 16, 1024} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				j, random := &observed.Journal{}, rand.New(rand.NewPCG(1, uint64(size)))
				c := open(t, servingMany(2*size+1), engine.Config{MaxSize: size, TTL: 10000 * time.Hour, Observer: j})
				var queue, evicted []string // the youngest last
				read := map[string]bool{}
				for range 6 * size {
					id := nameOf(random.IntN(2*size + 1))
					get(t, c, id)
					switch {
					case slices.Contains(queue, id):
						read[id] = true
					case len(queue) == size:
						for spared := 0; read[queue[0]] && spared < 16; spared++ {
							delete(read, queue[0])
							queue = append(queue[1:], queue[0])
						}
						evicted = append(evicted, queue[0])
						delete(read, queue[0])
						queue = append(queue[1:], id)
					default:
						queue = append(queue, id)
					}
					time.Sleep(time.Duration(random.Int64N(int64(2 * engine.Tick))))
				}
				var got []string
				for _, e := range observed.Of[hook.Evicted](j) {
					got = append(got, e.ID)
				}
				if diff := cmp.Diff(evicted, got); diff != "" {
					t.Errorf("evicted (-model +cache):\n%s", diff)
				}
			})
		})
	}
}

func TestTheEvictedEventNamesSecretAndVersion(t *testing.T) {
	virtual(t, func(t *testing.T) {
		j := &observed.Journal{}
		c := open(t, serving("a", "b"), engine.Config{MaxSize: 1, Observer: j})
		get(t, c, "a")
		get(t, c, "b")
		want := []hook.Evicted{{Secret: hook.Secret{ID: "a", Stage: "AWSCURRENT", VersionID: "v1"}}}
		if diff := cmp.Diff(want, observed.Of[hook.Evicted](j)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestASecretThatIsBeingReadIsNotEvictedByAFlood(t *testing.T) {
	virtual(t, func(t *testing.T) {
		const size = 4
		s := servingMany(1000)
		s.versions["busy"] = "v1"
		c := open(t, s, engine.Config{MaxSize: size})
		snap := snapshot(t, c, "busy")
		for i := range 1000 {
			get(t, c, nameOf(i)) // also just after a tick
			// As a typed handle reads: Lookup only if the snapshot asks for it.
			for range 20 {
				if !snap.Fresh() {
					snap, _ = c.Lookup(t.Context(), ref("busy"))
				}
			}
			time.Sleep(time.Millisecond)
			settle()
		}
		if n := s.countOf()["busy"]; n != 1 || c.Len() != size {
			t.Errorf("fetched %d times; %d are kept", n, c.Len())
		}
	})
}

func TestWhenAllAreBusyOneIsEvictedAllTheSame(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b", "c")
		c := open(t, s, engine.Config{MaxSize: 2})
		a, b := snapshot(t, c, "a"), snapshot(t, c, "b")
		get(t, c, "c")
		if c.Len() != 2 || a.Fresh() || !b.Fresh() {
			t.Errorf("%d kept; a fresh: %v, b fresh: %v", c.Len(), a.Fresh(), b.Fresh())
		}
		get(t, c, "b")
		wantCalls(t, s, 3)
	})
}

func TestAnEvictedFailingSecretKeepsItsBackoff(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b")
		c := open(t, s, engine.Config{MaxSize: 1, TTL: time.Hour, Backoff: every(time.Hour)})
		get(t, c, "a")
		s.fail(errDown)
		time.Sleep(time.Hour)
		wantGet(t, c, "a", "a v1")
		s.mend()
		get(t, c, "b") // evicts a
		calls := s.count()
		for range 100 {
			wantErr(t, c, "a", errDown)
		}
		wantCalls(t, s, calls)
		time.Sleep(time.Hour)
		wantGet(t, c, "a", "a v1")
	})
}

// TestASecretWhoseHandleIsGoneKeepsItsBackOff, and what Invalidate asked for, also if reads by
// ID had put it out of their order while the handle kept it.
func TestASecretWhoseHandleIsGoneKeepsItsBackOff(t *testing.T) {
	for name, evictFirst := range map[string]bool{"evicted, then refused": true, "refused, then evicted": false} {
		t.Run(name, func(t *testing.T) {
			s := serving("a", "b")
			c := open(t, s, engine.Config{MaxSize: 1, MinRefreshInterval: -1, Backoff: every(time.Hour)})
			func() {
				e := entryOf(c, ref("a"))
				evict := func() {
					s.mend()
					get(t, c, "b")
				}
				if _, err := e.Get(t.Context()); err != nil {
					t.Fatal(err)
				}
				if evictFirst {
					evict()
				}
				s.fail(secret.ErrAccessDenied)
				if _, err := e.Refresh(t.Context()); !errors.Is(err, secret.ErrAccessDenied) {
					t.Fatal(err)
				}
				if !evictFirst {
					evict()
				}
				s.mend()
			}()
			for range 3 {
				runtime.GC()
			}
			calls := s.count()
			if _, err := c.LookupRecent(t.Context(), ref("a")); !errors.Is(err, secret.ErrAccessDenied) {
				t.Error(err)
			}
			wantCalls(t, s, calls)
		})
	}
}

// TestAReadOfLongAgoIsNoReason to spare a secret twice.
func TestAReadOfLongAgoIsNoReason(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b", "c", "d", "e")
		c := open(t, s, engine.Config{MaxSize: 2})
		snapshot(t, c, "a")
		get(t, c, "b")
		get(t, c, "c") // spares a, which was read twice, and evicts b
		get(t, c, "d") // evicts a
		calls := s.count()
		get(t, c, "c")
		get(t, c, "d")
		wantCalls(t, s, calls)
	})
}

func TestNothingIsKeptWithASecretThatIsEvicted(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b")
		c := open(t, s, engine.Config{MaxSize: 1, MinRefreshInterval: -1, Backoff: every(time.Minute)})
		a, owner := snapshot(t, c, "a"), new(engine.Owner)
		s.fail(errDown)
		if _, err := c.Refresh(t.Context(), ref("a")); err == nil {
			t.Fatal("the failure is to be remembered")
		}
		s.mend()
		get(t, c, "b")
		a.Keep(owner, func() engine.Kept { return &kept{} })
		if k, _ := c.Kept(owner, ref("a")); k != nil {
			t.Error("it is kept though its secret was evicted before")
		}
	})
}

type kept struct {
	engine.Memo
	number int
}

func TestWhatIsKeptWithASecretIsForgottenWithIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("a", "b"), engine.Config{MaxSize: 1})
		owner, other, made := new(engine.Owner), new(engine.Owner), 0
		keep := func(s *engine.Snapshot, owner *engine.Owner) int {
			return s.Keep(owner, func() engine.Kept { made++; return &kept{number: made} }).(*kept).number
		}
		found := func(owner *engine.Owner) int {
			k, _ := c.Kept(owner, ref("a"))
			if k, ok := k.(*kept); ok {
				return k.number
			}
			return 0
		}
		a := snapshot(t, c, "a")
		got := []int{found(owner), keep(a, owner), keep(a, owner), keep(a, other), found(owner), found(other)}
		get(t, c, "b")
		got = append(got, found(owner), keep(snapshot(t, c, "a"), owner))
		if diff := cmp.Diff([]int{0, 1, 1, 2, 1, 2, 0, 3}, got); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	})
}

func TestWhatIsKeptWithAFailingSecretIsForgottenWithItsValue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b")
		c := open(t, s, engine.Config{MaxSize: 1, Backoff: every(time.Second)})
		owner, made := new(engine.Owner), 0
		keep := func() int {
			return snapshot(t, c, "a").Keep(owner, func() engine.Kept { made++; return &kept{number: made} }).(*kept).number
		}
		first := keep()
		s.fail(errDown)
		invalidate(t, c, "a")
		get(t, c, "a") // its failure is remembered, so a part of it outlives its value
		s.mend()
		get(t, c, "b")
		time.Sleep(time.Second)
		if second := keep(); first != 1 || second != 2 {
			t.Errorf("kept %v, then %v", first, second)
		}
	})
}

// Also if the read waited for a fetch that failed.
func TestAReadInAnOutageIsAUse(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serving("a", "b", "c")
		c := open(t, s, engine.Config{MaxSize: 2, TTL: time.Hour, NoRefreshAhead: true, Backoff: every(time.Second)})
		get(t, c, "a")
		time.Sleep(time.Hour)
		get(t, c, "b")
		s.fail(errDown)
		wantGet(t, c, "a", "a v1")
		s.mend()
		get(t, c, "c") // evicts b
		wantGet(t, c, "a", "a v1")
		get(t, c, "b")
		if n := s.countOf()["b"]; n != 2 {
			t.Errorf("b was fetched %d times", n)
		}
	})
}

// TestARefreshThatNeedsAPlaceTellsOfTheSecretThatLosesIt: a handle's secret that had left the
// order takes a place there when it is read by ID.
func TestARefreshThatNeedsAPlaceTellsOfTheSecretThatLosesIt(t *testing.T) {
	virtual(t, func(t *testing.T) {
		j := &observed.Journal{}
		c := open(t, serving("a", "b"), engine.Config{MaxSize: 1, MinRefreshInterval: time.Minute, Observer: j})
		e := entryOf(c, ref("a"))
		if _, err := e.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		get(t, c, "b") // takes the place of a, which its handle keeps
		if _, err := c.LookupRecent(t.Context(), ref("a")); err != nil {
			t.Error(err)
		}
		want := []hook.Evicted{{Secret: hook.Secret{ID: "b", Stage: "AWSCURRENT", VersionID: "v1"}}}
		if diff := cmp.Diff(want, observed.Of[hook.Evicted](j)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
