package engine_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// A follower notes the beginnings and the ends of fetches. It gives each fetch a number, which
// its context carries.
type follower struct {
	mu     sync.Mutex // guards what follows
	number int
	said   []string

	panics bool
	hangs  time.Duration
}

type number struct{}

func (f *follower) say(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, fmt.Sprintf(format, args...))
}

func (f *follower) BeginFetch(ctx context.Context, s hook.Secret) context.Context {
	f.mu.Lock()
	f.number++
	n := f.number
	f.mu.Unlock()
	f.say("begin %d %s@%s%s, asked by %v", n, s.ID, s.Stage, s.VersionID, ctx.Value(asker{}))
	time.Sleep(f.hangs)
	if f.panics {
		panic("bug")
	}
	return context.WithValue(ctx, number{}, n)
}

func (f *follower) Observe(ctx context.Context, e hook.Event) {
	switch e := e.(type) {
	case hook.Fetched:
		f.say("end %v %s, asked by %v", ctx.Value(number{}), e.ID, ctx.Value(asker{}))
	case hook.FetchFailed:
		f.say("fail %v %s %s", ctx.Value(number{}), e.ID, secret.Class(e.Err))
	}
}

func (f *follower) want(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := fmt.Sprint(f.said); got != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	f.said = nil
}

type asker struct{}

// numbered is a source that tells which fetch it belongs to.
type numbered struct {
	*service
	*follower
}

func (s numbered) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	s.say("source %v", ctx.Value(number{}))
	return s.service.Fetch(ctx, ref)
}

func TestAFollowerIsToldBeforeTheSourceIsAsked(t *testing.T) {
	virtual(t, func(t *testing.T) {
		f := &follower{}
		c := open(t, numbered{serving("db"), f}, engine.Config{Observer: f})
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), asker{}, "me"))
		defer cancel()
		if _, err := c.Get(ctx, ref("db")); err != nil {
			t.Fatal(err)
		}
		f.want(t, "begin 1 db@AWSCURRENT, asked by me", "source 1", "end 1 db, asked by me")
		if _, err := c.Get(ctx, ref("db")); err != nil {
			t.Fatal(err)
		}
		f.want(t) // a warm read
		_, _ = c.Get(ctx, secret.Ref{ID: "none", VersionID: "00000000-0000-4000-8000-000000000007"})
		f.want(t, "begin 2 none@00000000-0000-4000-8000-000000000007, asked by me", "source 2", "fail 2 none not_found")
	})
}

// TestAFollowerThatPanicsOrHangsHarmsNoFetch beyond the time that a fetch has.
func TestAFollowerThatPanicsOrHangsHarmsNoFetch(t *testing.T) {
	virtual(t, func(t *testing.T) {
		f := &follower{panics: true}
		c := open(t, numbered{serving("db"), f}, engine.Config{Observer: f})
		wantGet(t, c, "db", "db v1")
		f.want(t, "begin 1 db@AWSCURRENT, asked by <nil>", "source <nil>", "end <nil> db, asked by <nil>")
	})
	virtual(t, func(t *testing.T) {
		f := &follower{hangs: time.Minute}
		c := open(t, numbered{serving("db"), f}, engine.Config{Observer: f})
		wantErr(t, c, "db", secret.ErrTimeout)
		time.Sleep(2 * time.Minute)
		f.want(t, "begin 1 db@AWSCURRENT, asked by <nil>", "fail <nil> db timeout", "source 1")
	})
}

// TestEachSecretOfARequestIsFollowed: a Preload of three, one of which does not exist.
func TestEachSecretOfARequestIsFollowed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		f := &follower{}
		c := open(t, batches{numbered{serving("a", "b"), f}}, engine.Config{Observer: f})
		var entries []*engine.Entry
		for _, id := range []string{"a", "b", "none"} {
			e, err := c.Entry(ref(id))
			if err != nil {
				t.Fatal(err)
			}
			entries = append(entries, e)
		}
		c.GetAll(context.WithValue(t.Context(), asker{}, "me"), entries, nil)
		settle()
		begun, ended := f.said[:min(3, len(f.said))], f.said[min(3, len(f.said)):]
		for i, id := range []string{"a", "b", "none"} {
			if want := fmt.Sprintf("begin %d %s@AWSCURRENT, asked by me", i+1, id); !slices.Contains(begun, want) {
				t.Errorf("no %q in %q", want, begun)
			}
		}
		slices.Sort(ended)
		if fmt.Sprint(ended) != "[end 1 a, asked by me end 2 b, asked by me fail 3 none not_found]" {
			t.Errorf("%q", ended)
		}
	})
}

// batches is a source that fetches all Refs in one request.
type batches struct{ numbered }

func (b batches) FetchMany(ctx context.Context, refs []secret.Ref, answer func(secret.Ref, secret.Value, error)) {
	secret.MakeRequests(ctx, slices.Chunk(refs, 20), answer, func(ctx context.Context, refs []secret.Ref) error {
		for _, ref := range refs {
			v, err := b.service.Fetch(ctx, ref)
			answer(ref, v, err)
		}
		return nil
	})
}
