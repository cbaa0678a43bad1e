package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

func TestSecretsAreFoundWhileOthersComeAndGo(t *testing.T) {
	const known, others, size = 100, 20_000, 5_000
	var fetches [known]atomic.Int64
	c := open(t, secret.SourceFunc(func(_ context.Context, r secret.Ref) (secret.Value, error) {
		var i int
		if n, _ := fmt.Sscanf(r.ID, "known-%d", &i); n == 1 {
			fetches[i].Add(1)
		}
		return secret.Value{Payload: secret.StringPayload("of " + r.String())}, nil
	}), engine.Config{MaxSize: size})
	check := func(r secret.Ref) {
		want := r
		if want.Stage == "" {
			want.Stage = "AWSCURRENT"
		}
		if v, err := c.Get(t.Context(), r); err != nil || v.Payload.Reveal() != "of "+want.String() {
			t.Errorf("Get(%v) = %q, %v", r, v.Payload.Reveal(), err)
		}
	}
	refs := func(i int) []secret.Ref {
		id := fmt.Sprintf("known-%d", i)
		return []secret.Ref{ref(id), {ID: id, Stage: "AWSPREVIOUS"}}
	}
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for g := range 4 {
		readers.Go(func() {
			for i := g; ; i = (i + 4) % known {
				select {
				case <-stop:
					return
				default:
				}
				for _, r := range refs(i) {
					check(r)
				}
			}
		})
		writers.Go(func() {
			for i := range others / 4 {
				check(ref(fmt.Sprintf("other-%d-%d", g, i)))
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	if c.Len() != size {
		t.Errorf("%d secrets are kept, want %d", c.Len(), size)
	}
	for i := range known {
		// Each stage once, unless the writers evicted it: it was read all the time, so
		// few were.
		if n := fetches[i].Load(); n < 2 || n > 200 {
			t.Errorf("known-%d was fetched %d times", i, n)
		}
	}
}

func TestRefsThatReadAlikeAreKeptApart(t *testing.T) {
	version := "0123456789abcdef0123456789abcdef"
	refs := []secret.Ref{
		{ID: "a"},
		{ID: "a", Stage: "b"},
		{ID: "ab"},
		{ID: "a", VersionID: version},
		{ID: "a", Stage: "b", VersionID: version},
		{ID: "a", Stage: version},
		{ID: "a" + version},
		{ID: "ab", Stage: version},
		{ID: "a", Stage: "b" + version},
	}
	var fetched []secret.Ref
	c := open(t, secret.SourceFunc(func(_ context.Context, r secret.Ref) (secret.Value, error) {
		fetched = append(fetched, r)
		return secret.Value{Payload: secret.StringPayload(fmt.Sprintf("%q", r))}, nil
	}), engine.Config{})
	for range 2 {
		for _, r := range refs {
			want := r
			if r.Stage == "" && r.VersionID == "" {
				want.Stage = "AWSCURRENT"
			}
			s, err := c.Lookup(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			v, err := s.Value(t.Context())
			if err != nil || v.Payload.Reveal() != fmt.Sprintf("%q", want) || s.Ref() != want {
				t.Errorf("Get(%q) = %q of %q, %v", r, v.Payload.Reveal(), s.Ref(), err)
			}
		}
	}
	if len(fetched) != len(refs) {
		t.Errorf("%d fetches of %d refs", len(fetched), len(refs))
	}
}
