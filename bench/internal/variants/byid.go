package variants

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/secret"
)

// byID returns several ways to find a view by its ID, each with the checks of mark.
func byID() []Variant {
	const id = "bench/tenant-0000000"
	v := newHandle().view.Load()
	var byRef, byString sync.Map
	byRef.Store(secret.Ref{ID: id, Stage: "AWSCURRENT"}, v)
	byString.Store(id, v)
	var frozen atomic.Pointer[map[string]*view]
	frozen.Store(&map[string]*view{id: v})
	var mu sync.RWMutex
	locked := map[string]*view{id: v}

	through := func(find func(id string) *view) func(context.Context, int) int {
		return func(_ context.Context, n int) int {
			sum := 0
			for range n {
				v := find(id)
				if v == nil || !v.isWarm() && !v.mark() {
					return 0
				}
				value := v.value
				sum += source.Use(&value)
			}
			return sum
		}
	}
	return []Variant{
		{"id-syncmap-ref", "by ID: sync.Map of a struct of three strings, as secret.Ref, then mark", through(func(id string) *view {
			found, _ := byRef.Load(secret.Ref{ID: id, Stage: "AWSCURRENT"})
			v, _ := found.(*view)
			return v
		})},
		{"id-syncmap-string", "by ID: sync.Map of string, then mark", through(func(id string) *view {
			found, _ := byString.Load(id)
			v, _ := found.(*view)
			return v
		})},
		{"id-map-frozen", "by ID: a map[string] behind an atomic pointer, copied to be changed, then mark", through(func(id string) *view {
			return (*frozen.Load())[id]
		})},
		{"id-map-rwmutex", "by ID: a map[string] behind a sync.RWMutex, then mark", through(func(id string) *view {
			mu.RLock()
			v := locked[id]
			mu.RUnlock()
			return v
		})},
	}
}
