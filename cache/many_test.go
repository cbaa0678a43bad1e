package cache_test

import (
	"context"
	"slices"
	"sync"

	"github.com/typedsecret/typedsecret/cache"
)

// batching is a service that answers two Refs by one request.
type batching struct {
	*service
	mu      sync.Mutex
	batches [][]cache.Ref
	request func(ctx context.Context, refs []cache.Ref, answer func(cache.Ref, cache.Value, error)) error // nil: the service answers
}

func (b *batching) FetchMany(ctx context.Context, refs []cache.Ref, answer func(cache.Ref, cache.Value, error)) {
	cache.MakeRequests(ctx, slices.Chunk(refs, 2), answer, func(ctx context.Context, refs []cache.Ref) error {
		b.mu.Lock()
		b.batches = append(b.batches, refs)
		b.mu.Unlock()
		if b.request != nil {
			return b.request(ctx, refs, answer)
		}
		for _, r := range refs {
			v, err := b.Fetch(ctx, r)
			answer(r, v, err)
		}
		return nil
	})
}
