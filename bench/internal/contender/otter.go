package contender

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// staleFor is a number of TTLs. Peers that have only one hard limit keep a value for so
// long, so that they can serve it in an outage.
const staleFor = 24

var otterPrecise = Contender{
	Name: "otter",
	Setup: "Cache[string, Creds], Get with a loader; refreshed in the background at a jittered time in [TTL/2, TTL), " +
		"expiring after 24 TTLs",
	Open: func(_ context.Context, cfg Config) (Store, error) { return openOtter(cfg, nil) },
}

var otterCoarse = Contender{
	Name:  "otter-coarse",
	Setup: "as otter, with its CoarseClock of 10 ms resolution, whose goroutine wakes the process that often",
	Open: func(_ context.Context, cfg Config) (Store, error) {
		return openOtter(cfg, otter.NewCoarseClock(10*time.Millisecond))
	},
}

func openOtter(cfg Config, clock *otter.CoarseClock) (Store, error) {
	ttl := cfg.ttl()
	opts := &otter.Options[string, source.Creds]{
		MaximumSize:      cfg.maxSize(),
		ExpiryCalculator: otter.ExpiryWriting[string, source.Creds](staleFor * ttl),
		RefreshCalculator: otter.RefreshWritingFunc(func(otter.Entry[string, source.Creds]) time.Duration {
			return ttl/2 + rand.N(ttl/2)
		}),
		Logger: &otter.NoopLogger{},
	}
	if clock != nil {
		opts.Clock = clock
	}
	c, err := otter.New(opts)
	if err != nil {
		return nil, err
	}
	return &otterStore{c, otter.LoaderFunc[string, source.Creds](cfg.load), clock}, nil
}

type otterStore struct {
	cache  *otter.Cache[string, source.Creds]
	loader otter.Loader[string, source.Creds]
	clock  *otter.CoarseClock // nil if it uses the precise clock
}

func (s *otterStore) Handle(_ context.Context, id string) (Handle, error) {
	return handleOf(s, id), nil
}

func (s *otterStore) Get(ctx context.Context, id string) (source.Creds, error) {
	return s.cache.Get(ctx, id, s.loader)
}

func (s *otterStore) Loop(ctx context.Context, ids []string) (int, error) {
	c, loader, sum := s.cache, s.loader, 0
	for _, id := range ids {
		v, err := c.Get(ctx, id, loader)
		if err != nil {
			return 0, err
		}
		sum += source.Use(&v)
	}
	return sum, nil
}

func (s *otterStore) Refresh(ctx context.Context, id string) error {
	r := <-s.cache.Refresh(ctx, id, s.loader)
	return r.Err
}

func (s *otterStore) Close() {
	s.cache.StopAllGoroutines()
	if s.clock != nil {
		s.clock.Stop()
	}
}
