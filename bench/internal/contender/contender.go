// Package contender has typedsecret and its peers behind one interface, each set
// up over the same source as its documentation recommends for this job, a file
// each. Each does the user's whole job, from the ID or the handle to the typed
// struct of five fields. What one can't do it says, by an error of type [Cannot].
package contender

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

// Ours is the name of the contender that all others are compared with.
const Ours = "typedsecret"

// A Contender is a way to have secrets at hand.
type Contender struct {
	Name  string // as in the tables; no space, so that benchstat likes it
	Setup string // how it is set up, for the report
	Floor bool   // less than the job: what nobody can be faster than
	Open  func(ctx context.Context, cfg Config) (Store, error)
}

// Config is what a contender is set up with.
type Config struct {
	Source *source.Source
	// SDK, if not nil, is the AWS client that takes the Source's place.
	SDK *secretsmanager.Client
	// IDs are the secrets that the program knows beforehand.
	IDs     []string
	MaxSize int
	// TTL is the age at which a value is to be refreshed at the latest.
	TTL time.Duration
	// DescribeWorks is about the AWS caching client; see [source.ForAWS].
	DescribeWorks bool
	// OnDecode, if not nil, is called for each decoding.
	OnDecode func()
}

// A Store is a contender that is set up.
type Store interface {
	// Handle prepares what a program keeps of a secret that it knows.
	Handle(ctx context.Context, id string) (Handle, error)
	// Get gets a secret by its ID.
	Get(ctx context.Context, id string) (source.Creds, error)
	// Loop is Get for each of the IDs in turn, in a loop that is compiled for
	// the contender. It returns the sum of what source.Use returned.
	Loop(ctx context.Context, ids []string) (int, error)
	// Refresh brings in what the source has now, and returns when it has.
	Refresh(ctx context.Context, id string) error
	Close()
}

// A Handle is one secret of a Store.
type Handle interface {
	Get(ctx context.Context) (source.Creds, error)
	// Loop is Get n times, in a loop that is compiled for the contender.
	Loop(ctx context.Context, n int) (int, error)
}

// Cannot is the reason why a contender can't do a workload.
type Cannot string

// Error returns the reason.
func (c Cannot) Error() string { return string(c) }

// Reason returns why err says that a contender can't, if it does.
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

// Names returns the names of all contenders, but for those left out.
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

// load is the loader of the contenders that keep typed values.
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

// byID is a Handle of a Store that has none of its own.
type byID struct {
	id   string
	get  func(ctx context.Context, id string) (source.Creds, error)
	loop func(ctx context.Context, ids []string) (int, error)
}

func (h byID) Get(ctx context.Context) (source.Creds, error) { return h.get(ctx, h.id) }

// loopChunk is how many reads a handle without a loop of its own makes at once.
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

// RefreshAll is Refresh for each of the IDs, by the handles where these can; or for
// all secrets at once where a Store can't do less.
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
