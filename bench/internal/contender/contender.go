// Package contender has typedsecret and its peers behind one interface, with a file for
// each. All use the same source, and each is set up as its documentation recommends for
// this job. A contender does the user's whole job, from the ID or the handle to the typed
// struct of five fields. If it can't do something, it returns an error of type [Cannot].
package contender

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// Ours is the name of typedsecret, with which all others are compared.
const Ours = "typedsecret"

// A Contender is a library, or a way, to read secrets.
type Contender struct {
	Name  string // as in the tables; benchstat requires that it has no space
	Setup string // how it is set up, for the report
	Floor bool   // does less than the job; it is a lower bound for all others
	Open  func(ctx context.Context, cfg Config) (Store, error)
}

// Config is the setup of a contender.
type Config struct {
	Source *source.Source
	// SDK, if not nil, is an AWS client that is used in place of the Source.
	SDK *secretsmanager.Client
	// IDs are the secrets that the program knows at its start.
	IDs     []string
	MaxSize int
	// TTL is the age at which a value has to be refreshed at the latest.
	TTL time.Duration
	// DescribeWorks is about the AWS caching client; see [source.ForAWS].
	DescribeWorks bool
	// OnDecode, if not nil, is called for each decoding.
	OnDecode func()
}

// A Store is a contender that is set up.
type Store interface {
	// Handle makes a handle for a secret that the program knows.
	Handle(ctx context.Context, id string) (Handle, error)
	// Get gets a secret by its ID.
	Get(ctx context.Context, id string) (source.Creds, error)
	// Loop calls Get for each of the IDs in turn, in a loop that is compiled for the
	// contender. It returns the sum of the results of source.Use.
	Loop(ctx context.Context, ids []string) (int, error)
	// Refresh fetches the secret, and returns when the new value is in use.
	Refresh(ctx context.Context, id string) error
	Close()
}

// A Handle is one secret of a Store.
type Handle interface {
	Get(ctx context.Context) (source.Creds, error)
	// Loop calls Get n times, in a loop that is compiled for the contender.
	Loop(ctx context.Context, n int) (int, error)
}

// Cannot is the reason why a contender can't do a workload.
type Cannot string

// Error returns the reason.
func (c Cannot) Error() string { return string(c) }

// Reason returns the reason in err, if err says that a contender can't do a workload.
func Reason(err error) (string, bool) {
	var c Cannot
	if errors.As(err, &c) {
		return string(c), true
	}
	return "", false
}

// All returns the contenders, ours first, in the order of the tables.
func All() []Contender {
	return []Contender{
		typed, bytesOnly, aws, setecUpdater, setecSecret, otterPrecise, otterCoarse, sturdycRefresh,
		golangLRU, freelruSynced, freelruSharded, floorPointer, floorMap,
	}
}

// Named returns the contenders of these names.
func Named(names ...string) []Contender {
	var found []Contender
	for _, c := range All() {
		for _, name := range names {
			if c.Name == name {
				found = append(found, c)
			}
		}
	}
	return found
}

// Names returns the names of all contenders, without those in but.
func Names(but ...string) []string {
	var names []string
	for _, c := range All() {
		out := false
		for _, b := range but {
			out = out || b == c.Name
		}
		if !out {
			names = append(names, c.Name)
		}
	}
	return names
}

func (cfg Config) fetcher() source.Fetcher {
	if cfg.SDK != nil {
		return source.SDK{Client: cfg.SDK}
	}
	return cfg.Source
}

// load fetches and decodes a secret for the contenders that keep typed values.
func (cfg Config) load(ctx context.Context, id string) (source.Creds, error) {
	secret, err := cfg.fetcher().Fetch(ctx, id)
	if err != nil {
		return source.Creds{}, err
	}
	return cfg.decode([]byte(secret.Value))
}

func (cfg Config) decode(data []byte) (source.Creds, error) {
	if cfg.OnDecode != nil {
		cfg.OnDecode()
	}
	var c source.Creds
	err := json.Unmarshal(data, &c)
	return c, err
}

func (cfg Config) maxSize() int {
	if cfg.MaxSize == 0 {
		return 1024
	}
	return cfg.MaxSize
}

func (cfg Config) ttl() time.Duration {
	if cfg.TTL == 0 {
		return time.Hour
	}
	return cfg.TTL
}

// byID is a Handle for a Store that has no handles of its own.
type byID struct {
	id   string
	get  func(ctx context.Context, id string) (source.Creds, error)
	loop func(ctx context.Context, ids []string) (int, error)
}

func (h byID) Get(ctx context.Context) (source.Creds, error) { return h.get(ctx, h.id) }

// loopChunk is the number of reads in one step of a handle without a loop of its own.
const loopChunk = 1024

func (h byID) Loop(ctx context.Context, n int) (int, error) {
	var chunk [loopChunk]string
	for i := range chunk {
		chunk[i] = h.id
	}
	sum := 0
	for n > 0 {
		k := min(n, loopChunk)
		s, err := h.loop(ctx, chunk[:k])
		if err != nil {
			return 0, err
		}
		sum, n = sum+s, n-k
	}
	return sum, nil
}

// RefreshAll calls Refresh for each of the IDs, by the handles if these have the method. A
// Store that can only refresh all secrets at once is called once.
func RefreshAll(ctx context.Context, s Store, ids []string, handles []Handle) error {
	if all, ok := s.(interface{ refreshAll(context.Context) error }); ok {
		return all.refreshAll(ctx)
	}
	for i, id := range ids {
		refresh := func() error { return s.Refresh(ctx, id) }
		if h, ok := handles[i].(interface{ refresh(context.Context) error }); ok {
			refresh = func() error { return h.refresh(ctx) }
		}
		if err := refresh(); err != nil {
			return err
		}
	}
	return nil
}

func handleOf(s Store, id string) Handle { return byID{id, s.Get, s.Loop} }
