package contender

import (
	"context"

	"github.com/tailscale/setec/client/setec"

	"github.com/typedsecret/typedsecret/bench/internal/source"
)

var setecUpdater = Contender{
	Name:  "setec.Updater",
	Setup: "a Store with the secrets declared, polled every TTL/2, and an Updater[Creds] for each",
	Open: func(ctx context.Context, cfg Config) (Store, error) {
		s, err := openSetec(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return &updaterStore{setecStore{s, cfg}}, nil
	},
}

var setecSecret = Contender{
	Name:  "setec.Secret",
	Setup: "a Store with AllowLookup, polled every TTL/2; Secret's bytes, json.Unmarshal for each Get; LookupSecret by ID",
	Open: func(ctx context.Context, cfg Config) (Store, error) {
		s, err := openSetec(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return &setecStore{s, cfg}, nil
	},
}

// openSetec allows look-ups also if the secrets are declared, since that costs declared
// secrets nothing.
func openSetec(ctx context.Context, cfg Config) (*setec.Store, error) {
	return setec.NewStore(ctx, setec.StoreConfig{
		Client:       source.ForSetec{Fetcher: cfg.fetcher()},
		Secrets:      cfg.IDs,
		AllowLookup:  true,
		PollInterval: cfg.ttl() / 2,
		Logf:         func(string, ...any) {},
	})
}

type setecStore struct {
	store *setec.Store
	cfg   Config
}

func (s *setecStore) Handle(ctx context.Context, id string) (Handle, error) {
	secret, err := s.store.LookupSecret(ctx, id)
	if err != nil {
		return nil, err
	}
	return &setecHandle{secret, s.cfg}, nil
}

func (s *setecStore) Get(ctx context.Context, id string) (source.Creds, error) {
	secret, err := s.store.LookupSecret(ctx, id)
	if err != nil {
		return source.Creds{}, err
	}
	return s.cfg.decode(secret.Get())
}

func (s *setecStore) Loop(ctx context.Context, ids []string) (int, error) {
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

// Refresh polls for all secrets, since setec has no refresh of a single one.
func (s *setecStore) Refresh(ctx context.Context, _ string) error { return s.store.Refresh(ctx) }

func (s *setecStore) refreshAll(ctx context.Context) error { return s.store.Refresh(ctx) }

func (s *setecStore) Close() { s.store.Close() }

type setecHandle struct {
	secret setec.Secret
	cfg    Config
}

func (h *setecHandle) Get(context.Context) (source.Creds, error) { return h.cfg.decode(h.secret.Get()) }

func (h *setecHandle) Loop(ctx context.Context, n int) (int, error) {
	sum := 0
	for range n {
		v, err := h.Get(ctx)
		if err != nil {
			return 0, err
		}
		sum += source.Use(&v)
	}
	return sum, nil
}

type updaterStore struct{ setecStore }

const noByID = Cannot("an Updater is made for one name; by ID, setec has LookupSecret's bytes alone (see setec.Secret)")

func (s *updaterStore) Get(context.Context, string) (source.Creds, error) {
	return source.Creds{}, noByID
}

func (s *updaterStore) Loop(context.Context, []string) (int, error) { return 0, noByID }

func (s *updaterStore) Handle(ctx context.Context, id string) (Handle, error) {
	u, err := setec.NewUpdater(ctx, s.store, id, s.cfg.decode)
	if err != nil {
		return nil, err
	}
	return &updaterHandle{u}, nil
}

type updaterHandle struct {
	updater *setec.Updater[source.Creds]
}

func (h *updaterHandle) Get(context.Context) (source.Creds, error) { return h.updater.Get(), nil }

func (h *updaterHandle) Loop(_ context.Context, n int) (int, error) {
	updater, sum := h.updater, 0
	for range n {
		v := updater.Get()
		sum += source.Use(&v)
	}
	return sum, nil
}
