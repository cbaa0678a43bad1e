package contender

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

var floorPointer = Contender{
	Name:  "floor-pointer",
	Setup: "an atomic.Pointer load in an inlined Get that returns the same Creds; a goroutine stores a new one every TTL/2",
	Floor: true,
	Open: func(ctx context.Context, cfg Config) (Store, error) {
		s := &pointerStore{cfg: cfg, stop: make(chan struct{})}
		go s.poll()
		return s, nil
	},
}

type pointerStore struct {
	cfg  Config
	stop chan struct{}
	ids  sync.Map // of string to *pointerHandle
}

func (s *pointerStore) poll() {
	tick := time.NewTicker(s.cfg.ttl() / 2)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		s.ids.Range(func(id, _ any) bool {
			_ = s.Refresh(context.Background(), id.(string))
			return true
		})
	}
}

func (s *pointerStore) Handle(ctx context.Context, id string) (Handle, error) {
	h, _ := s.ids.LoadOrStore(id, &pointerHandle{})
	return h.(*pointerHandle), s.Refresh(ctx, id)
}

const noIDs = Cannot("a pointer is found without an ID")

func (s *pointerStore) Get(context.Context, string) (source.Creds, error) {
	return source.Creds{}, noIDs
}

func (s *pointerStore) Loop(context.Context, []string) (int, error) { return 0, noIDs }

func (s *pointerStore) Refresh(ctx context.Context, id string) error {
	v, err := s.cfg.load(ctx, id)
	if err != nil {
		return err
	}
	if h, ok := s.ids.Load(id); ok {
		h.(*pointerHandle).value.Store(&v)
	}
	return nil
}

func (s *pointerStore) Close() { close(s.stop) }

type pointerHandle struct{ value atomic.Pointer[source.Creds] }

func (h *pointerHandle) Get(context.Context) (source.Creds, error) { return *h.value.Load(), nil }

func (h *pointerHandle) Loop(ctx context.Context, n int) (int, error) {
	sum := 0
	for range n {
		v, err := h.Get(ctx) // inlined, like typedsecret's
		if err != nil {
			return 0, err
		}
		sum += source.Use(&v)
	}
	return sum, nil
}

var floorMap = Contender{
	Name:  "floor-syncmap",
	Setup: "a sync.Map of string to *Creds that nothing expires, refreshes or evicts; singleflight around the load",
	Floor: true,
	Open: func(_ context.Context, cfg Config) (Store, error) {
		return &mapStore{cfg: cfg}, nil
	},
}

type mapStore struct {
	cfg     Config
	values  sync.Map // of string to *source.Creds
	flights singleflight.Group
}

func (s *mapStore) Handle(_ context.Context, id string) (Handle, error) { return handleOf(s, id), nil }

func (s *mapStore) Get(ctx context.Context, id string) (source.Creds, error) {
	if v, ok := s.values.Load(id); ok {
		return *v.(*source.Creds), nil
	}
	return s.load(ctx, id)
}

func (s *mapStore) load(ctx context.Context, id string) (source.Creds, error) {
	v, err, _ := s.flights.Do(id, func() (any, error) {
		v, err := s.cfg.load(ctx, id)
		if err == nil {
			s.values.Store(id, &v)
		}
		return v, err
	})
	return v.(source.Creds), err
}

func (s *mapStore) Loop(ctx context.Context, ids []string) (int, error) {
	sum := 0
	for _, id := range ids {
		v, err := s.Get(ctx, id)
		if err != nil {
			return 0, err
		}
		sum += source.Use(&v)
	}
	return sum, nil
}

func (s *mapStore) Refresh(ctx context.Context, id string) error {
	_, err := s.load(ctx, id)
	return err
}

func (s *mapStore) Close() {}
