package migrating

import (
	"context"
	"encoding/json"
	"log"

	"github.com/tailscale/setec/client/setec"
)

// SetecStore declares names, and reads one.
func SetecStore(ctx context.Context) (string, error) {
	store, err := setec.NewStore(ctx, setec.StoreConfig{
		Client:  setec.Client{Server: "https://secrets.example.com"},
		Secrets: []string{"prod/api-key", "prod/db"},
	})
	if err != nil {
		return "", err
	}
	defer store.Close()
	key := store.Secret("prod/api-key")
	return key.GetString(), nil
}

// SetecStruct fills the fields of a struct.
func SetecStruct(ctx context.Context, client setec.Client) (*setec.Store, error) {
	var secrets struct {
		Key setec.Secret `setec:"api-key"`
		DB  DBCreds      `setec:"db,json"` // as it was at the start
	}
	return setec.NewStore(ctx, setec.StoreConfig{
		Client:  client,
		Structs: []setec.Struct{{Value: &secrets, Prefix: "prod/"}},
	})
}

// SetecUpdater decodes each new value.
func SetecUpdater(ctx context.Context, store *setec.Store) (DBCreds, error) {
	db, err := setec.NewUpdater(ctx, store, "prod/db", func(b []byte) (creds DBCreds, err error) {
		err = json.Unmarshal(b, &creds)
		return creds, err
	})
	if err != nil {
		return DBCreds{}, err
	}
	return db.Get(), nil
}

// SetecLookup reads a name that was not declared.
func SetecLookup(ctx context.Context, store *setec.Store, tenant string) (string, error) {
	key, err := store.LookupSecret(ctx, "tenant/"+tenant+"/key") // the store has AllowLookup
	if err != nil {
		return "", err
	}
	return key.GetString(), nil
}

// SetecRefresh polls for all.
func SetecRefresh(ctx context.Context, store *setec.Store) error {
	return store.Refresh(ctx)
}

// SetecOutage keeps a file for a start without the server.
func SetecOutage(ctx context.Context, client setec.Client) (*setec.Store, error) {
	file, err := setec.NewFileCache("/var/lib/app/secrets.json") // in the clear
	if err != nil {
		return nil, err
	}
	return setec.NewStore(ctx, setec.StoreConfig{
		Client:  client,
		Secrets: []string{"prod/api-key"},
		Cache:   file,
	})
}

// SetecTest has a fixed value, and secrets of a file.
func SetecTest(use func(setec.Secret)) (*setec.FileClient, error) {
	use(setec.StaticSecret("k-123456"))

	client, err := setec.NewFileClient("dev.json")
	if err != nil {
		log.Print(err)
	}
	return client, err
}
