package typedsecret_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// TestAHandleNeverReturnsAnOlderVersion in a cache that has room for one secret read by ID,
// among handles and readers by ID of several secrets, while the source fails now and then.
func TestAHandleNeverReturnsAnOlderVersion(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 11))
				ids := []string{"a", "b", "c"}
				source := storing("a", "1", "b", "1", "c", "1")
				c := open(t, source, cache.Config{MaxSize: 1, TTL: time.Minute, MinRefreshInterval: -1})
				with := typedsecret.WithCache(c)
				type reader struct {
					id, name string
					get, ask func(context.Context) (int, error)
					returned int
				}
				var readers []*reader
				byID := typedsecret.NewByID[int](with)
				for _, id := range ids {
					for n := range 3 {
						s := typedsecret.New[int](id, with)
						readers = append(readers, &reader{id: id, name: fmt.Sprint("handle ", n), get: s.Get, ask: s.Refresh})
					}
					readers = append(readers, &reader{
						id: id, name: "by ID",
						get: func(ctx context.Context) (int, error) { return byID.Get(ctx, id) },
						ask: func(ctx context.Context) (int, error) { return byID.Refresh(ctx, id) },
					})
				}
				for version := 1; version < 2000; {
					r := readers[rng.IntN(len(readers))]
					read := r.get
					switch rng.IntN(12) {
					case 0:
						version++
						source.put(ids[rng.IntN(len(ids))], strconv.Itoa(version))
					case 1:
						source.fail([]error{nil, secret.ErrUnavailable, secret.ErrAccessDenied}[rng.IntN(3)])
					case 2:
						time.Sleep(time.Duration(rng.Int64N(int64(2 * time.Minute))))
					case 3:
						if err := c.Invalidate(secret.Ref{ID: r.id}); err != nil {
							t.Fatal(err)
						}
					case 4:
						read = r.ask
					}
					got, err := read(t.Context())
					if err != nil {
						continue
					}
					if got < r.returned {
						t.Fatalf("%s of %s returned %d, after %d", r.name, r.id, got, r.returned)
					}
					r.returned = got
				}
			})
		})
	}
}
