package outages

import (
	"context"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/bench/internal/contender"
	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/failover"
)

// A Client is a library that reads secrets.
type Client struct {
	Name string
	open func(ctx context.Context, w *world, p Plan) (store, error)
	// canReplace says whether the client can read from a replica.
	canReplace bool
}

// A store is a client that is set up.
type store interface {
	// reader returns what reads a secret: by a handle if known is set and the client has
	// handles, or else by its ID.
	reader(id string, known bool) func(context.Context) (source.Creds, error)
	close()
}

// Ours is this library, with the default Config but for what a Plan says.
var Ours = Client{Name: contender.Ours, open: openOurs, canReplace: true}

// AWS is AWS's caching client for Go. For two regions there are two of it.
var AWS = Client{Name: awsName, open: openAWS}

const awsName = "aws-caching-go"

type ourStore struct {
	cache *cache.Cache
	byID  *typedsecret.ByID[source.Creds]
}

func openOurs(_ context.Context, w *world, p Plan) (store, error) {
	from, err := sourceFor(w)
	if err != nil {
		return nil, err
	}
	c, err := cache.New(from, cache.Config{TTL: p.TTL, FetchTimeout: p.FetchTimeout})
	if err != nil {
		return nil, err
	}
	return ourStore{c, typedsecret.NewByID[source.Creds](typedsecret.WithCache(c))}, nil
}

func (s ourStore) reader(id string, known bool) func(context.Context) (source.Creds, error) {
	if known {
		return typedsecret.New[source.Creds](id, typedsecret.WithCache(s.cache)).Get
	}
	return func(ctx context.Context) (source.Creds, error) { return s.byID.Get(ctx, id) }
}

func (s ourStore) close() { s.cache.Close() }

// sourceFor returns the source for the layout of the secrets.
func sourceFor(w *world) (secret.Source, error) {
	sources := make([]secret.Source, len(w.regions))
	for i, r := range w.regions {
		s, err := awssm.New(r.client())
		if err != nil {
			return nil, err
		}
		sources[i] = s
	}
	switch w.layout {
	case two:
		return router{w.regions, sources}, nil
	case replicated:
		return failover.New(
			failover.Region{Name: w.regions[0].name, Source: sources[0]},
			failover.Region{Name: w.regions[1].name, Source: sources[1]})
	}
	return sources[0], nil
}

// A router reads from the region that an ID begins with.
type router struct {
	regions []*region
	sources []secret.Source
}

// Backend returns the region's name.
func (r router) Backend(ref secret.Ref) string {
	if at, err := regionOf(r.regions, ref.ID); err == nil {
		return at.name
	}
	return ""
}

// Fetch fetches from the region.
func (r router) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	at, err := regionOf(r.regions, ref.ID)
	if err != nil {
		return secret.Value{}, err
	}
	for i := range r.regions {
		if r.regions[i] == at {
			return r.sources[i].Fetch(ctx, ref)
		}
	}
	return secret.Value{}, errElsewhere
}

type awsStore struct {
	regions []*region
	stores  []contender.Store
}

func openAWS(ctx context.Context, w *world, p Plan) (store, error) {
	s := awsStore{regions: w.regions}
	for _, r := range w.regions {
		one, err := contender.Named(awsName)[0].Open(ctx, contender.Config{SDK: r.client(), TTL: p.TTL})
		if err != nil {
			return nil, err
		}
		s.stores = append(s.stores, one)
	}
	return s, nil
}

func (s awsStore) reader(id string, _ bool) func(context.Context) (source.Creds, error) {
	for i, r := range s.regions {
		if at, err := regionOf(s.regions, id); err == nil && at == r {
			return func(ctx context.Context) (source.Creds, error) { return s.stores[i].Get(ctx, id) }
		}
	}
	return func(context.Context) (source.Creds, error) { return source.Creds{}, errElsewhere }
}

func (s awsStore) close() {
	for _, one := range s.stores {
		one.Close()
	}
}
