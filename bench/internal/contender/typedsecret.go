package contender

import (
	"context"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
)

var typed = Contender{
	Name:  Ours,
	Setup: "Secret[Creds] handles, ByID[Creds] for IDs; cache.Config with MaxSize and TTL set, the rest default",
	Open: func(_ context.Context, cfg Config) (Store, error) {
		c, err := cfg.openCache()
		if err != nil {
			return nil, err
		}
		opts := []typedsecret.Option{typedsecret.WithCache(c)}
		if cfg.OnDecode != nil {
			opts = append(opts, typedsecret.WithCodec(counting{codec.For[source.Creds](), cfg.OnDecode}))
		}
		return &typedStore{c, typedsecret.NewByID[source.Creds](opts...), opts}, nil
	},
}

// IsOurs reports whether s is the Store of typedsecret.
func IsOurs(s Store) bool {
	_, ok := s.(*typedStore)
	return ok
}

type typedStore struct {
	cache *cache.Cache
	byID  *typedsecret.ByID[source.Creds]
	opts  []typedsecret.Option
}

// counting is a codec that reports each call.
type counting struct {
	codec.Codec
	onDecode func()
}

func (c counting) Decode(data []byte, v any) error {
	c.onDecode()
	return c.Codec.Decode(data, v)
}

// openCache sets a low MinRefreshInterval, so that forced refreshes can be measured. Only
// Refresh uses that setting.
func (cfg Config) openCache() (*cache.Cache, error) {
	src, err := secret.Source(source.ForCache(cfg.Source)), error(nil)
	if cfg.SDK != nil {
		if src, err = awssm.New(cfg.SDK); err != nil {
			return nil, err
		}
	}
	return cache.New(src, cache.Config{MaxSize: cfg.maxSize(), TTL: cfg.ttl(), MinRefreshInterval: -1})
}

func (s *typedStore) Handle(_ context.Context, id string) (Handle, error) {
	return typedHandle{typedsecret.New[source.Creds](id, s.opts...)}, nil
}

func (s *typedStore) Get(ctx context.Context, id string) (source.Creds, error) {
	return s.byID.Get(ctx, id)
}

func (s *typedStore) Loop(ctx context.Context, ids []string) (int, error) {
	byID, sum := s.byID, 0
	for _, id := range ids {
		v, err := byID.Get(ctx, id)
		if err != nil {
			return 0, err
		}
		sum += source.Use(&v)
	}
	return sum, nil
}

func (s *typedStore) Refresh(ctx context.Context, id string) error {
	_, err := s.byID.Refresh(ctx, id)
	return err
}

func (s *typedStore) Close() { s.cache.Close() }

type typedHandle struct {
	secret *typedsecret.Secret[source.Creds]
}

func (h typedHandle) Get(ctx context.Context) (source.Creds, error) { return h.secret.Get(ctx) }

func (h typedHandle) refresh(ctx context.Context) error {
	_, err := h.secret.Refresh(ctx)
	return err
}

func (h typedHandle) Loop(ctx context.Context, n int) (int, error) {
	secret, sum := h.secret, 0
	for range n {
		v, err := secret.Get(ctx)
		if err != nil {
			return 0, err
		}
		sum += source.Use(&v)
	}
	return sum, nil
}

var bytesOnly = Contender{
	Name:  "typedsecret/cache",
	Setup: "the byte-level cache alone, json.Unmarshal for each Get",
	Open: func(_ context.Context, cfg Config) (Store, error) {
		c, err := cfg.openCache()
		if err != nil {
			return nil, err
		}
		return &bytesStore{c, cfg}, nil
	},
}

type bytesStore struct {
	cache *cache.Cache
	cfg   Config
}

func (s *bytesStore) Handle(_ context.Context, id string) (Handle, error) {
	return handleOf(s, id), nil
}

func (s *bytesStore) Get(ctx context.Context, id string) (source.Creds, error) {
	v, err := s.cache.Get(ctx, secret.Ref{ID: id})
	if err != nil {
		return source.Creds{}, err
	}
	return s.cfg.decode(v.Payload.Bytes())
}

func (s *bytesStore) Loop(ctx context.Context, ids []string) (int, error) {
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

func (s *bytesStore) Refresh(ctx context.Context, id string) error {
	_, err := s.cache.Refresh(ctx, secret.Ref{ID: id})
	return err
}

func (s *bytesStore) Close() { s.cache.Close() }
