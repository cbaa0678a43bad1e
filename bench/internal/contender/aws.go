package contender

import (
	"context"

	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

var aws = Contender{
	Name:  "aws-caching-go",
	Setup: "secretcache.New with MaxCacheSize and CacheItemTTL; GetSecretStringWithContext, then json.Unmarshal",
	Open: func(_ context.Context, cfg Config) (Store, error) {
		c, err := secretcache.New(func(c *secretcache.Cache) {
			c.MaxCacheSize = cfg.maxSize()
			c.CacheItemTTL = int64(cfg.ttl())
			c.Client = source.ForAWS{Source: cfg.Source, DescribeWorks: cfg.DescribeWorks}
			if cfg.SDK != nil {
				c.Client = cfg.SDK
			}
		})
		if err != nil {
			return nil, err
		}
		return &awsStore{c, cfg}, nil
	},
}

type awsStore struct {
	cache *secretcache.Cache
	cfg   Config
}

func (s *awsStore) Handle(_ context.Context, id string) (Handle, error) { return handleOf(s, id), nil }

func (s *awsStore) Get(ctx context.Context, id string) (source.Creds, error) {
	v, err := s.cache.GetSecretStringWithContext(ctx, id)
	if err != nil {
		return source.Creds{}, err
	}
	return s.cfg.decode([]byte(v))
}

func (s *awsStore) Loop(ctx context.Context, ids []string) (int, error) {
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

func (s *awsStore) Refresh(context.Context, string) error {
	return Cannot("its RefreshNow sleeps 2.5 to 5 s, races with Get, and may hang after an error")
}

func (s *awsStore) Close() {}
