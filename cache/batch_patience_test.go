package cache_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/cache"
)

// A LookupAll whose context ends before it could ask for a secret is no exception.
func TestLookupAllReturnsLastGoodValuesWhenItsContextEnds(t *testing.T) {
	pace := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, row := range map[string]struct {
		timeout time.Duration
		unknown int // secrets that are asked for first
		wait    func(context.Context) error
	}{
		"before it begins":          {0, 0, nil},
		"while wait holds it back":  {3 * time.Second, 0, pace},
		"while others hang":         {3 * time.Second, 100, nil},
		"while a batch of it hangs": {3 * time.Second, 0, nil},
	} {
		for _, batches := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, batches %v", name, batches), func(t *testing.T) {
				virtual(t, func(t *testing.T) {
					s := serving("a", "b", "c")
					var source cache.Source = s
					if batches {
						source = &batching{service: s, batch: func(ctx context.Context, refs []cache.Ref) ([]cache.Result, error) {
							_, err := s.Fetch(ctx, refs[0])
							return nil, err
						}}
					}
					c := open(t, source, cache.Config{TTL: time.Hour, NoRefreshAhead: true})
					ids := []string{"a", "b", "c"}
					for _, id := range ids {
						get(t, c, id)
					}
					time.Sleep(time.Hour)
					s.hang()
					ctx, cancel := context.WithTimeout(t.Context(), row.timeout)
					defer cancel()
					var all []cache.Ref
					for i := range row.unknown {
						all = append(all, ref(nameOf(i)))
					}
					snaps, errs := c.LookupAll(ctx, append(all, refs(ids...)...), nil, row.wait)
					for i, id := range ids {
						if i += row.unknown; errs[i] != nil || snaps[i].VersionID() != "v1" || !snaps[i].Expired() {
							t.Errorf("%s: %v, %v", id, snaps[i], errs[i])
						}
					}
					settle()
					n := s.countOf()
					if !batches && (n["a"] != 2 || n["b"] != 2 || n["c"] != 2) {
						t.Errorf("%v calls: a refresh of each is begun", n)
					}
				})
			})
		}
	}
}
