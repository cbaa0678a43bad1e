package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/recipes/pgxsecret"
	"github.com/typedsecret/typedsecret/secret"
)

// A label is a secret whose value and version the test sets.
type label struct {
	mu    sync.Mutex // guards value
	value secret.Value
}

func (l *label) set(version, user, password string) {
	payload, _ := json.Marshal(creds{user, password})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.value = secret.Value{Payload: secret.StringPayload(string(payload)), VersionID: version}
}

func (l *label) handle(t *testing.T, opts ...typedsecret.Option) *typedsecret.Secret[creds] {
	t.Helper()
	secrets, err := cache.New(secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.value, nil
	}), cache.Config{MinRefreshInterval: -1})
	must(t, err)
	t.Cleanup(func() { secrets.Close() })
	return typedsecret.New[creds]("prod/db", append(opts, typedsecret.WithCache(secrets))...)
}

// pgxConfig returns a pool's configuration, and a function that puts a credential into it.
func pgxConfig(t *testing.T, db *pgtest.Server) (config *pgxpool.Config, apply func(creds, *pgx.ConnConfig)) {
	t.Helper()
	config, err := pgxpool.ParseConfig(db.URL("", ""))
	must(t, err)
	return config, func(c creds, config *pgx.ConnConfig) { config.User, config.Password = c.Username, c.Password }
}

// TestAnOlderVersionThatLogsInLaterRetiresNothing: Do has read the older version for a
// login. The login then waits, in a hook or for a place in the pool, while a newer version
// proves itself.
func TestAnOlderVersionThatLogsInLaterRetiresNothing(t *testing.T) {
	db, ctx := pgtest.New(t), t.Context()
	must(t, db.CreateUser(ctx, "app", "third"))
	must(t, db.CreateUser(ctx, "app_clone", "second"))
	l := new(label)
	l.set("1", "app", "first")
	secret := l.handle(t)
	_, err := secret.Get(ctx)
	must(t, err)
	l.set("2", "app_clone", "second") // only in Secrets Manager; the cache still has version 1

	config, apply := pgxConfig(t, db)
	var pool *pgxsecret.Pool
	var logins, newer int
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if logins++; logins != 2 {
			return nil
		}
		// Version 1 was refused, and version 2 is about to log in.
		l.set("3", "app", "third")
		if _, err := secret.Refresh(ctx); err != nil {
			return err
		}
		if err := pool.QueryRow(ctx, pid).Scan(&newer); err != nil {
			return err
		}
		awaitIdle(pool)
		return nil
	}
	pool, err = pgxsecret.New(ctx, config, secret, apply)
	must(t, err)
	defer pool.Close()
	for range 3 {
		var session int
		must(t, pool.QueryRow(ctx, pid).Scan(&session))
		if session != newer {
			t.Errorf("session %d has taken over from %d, which is of a newer version", session, newer)
		}
		awaitIdle(pool)
	}
}

// awaitIdle waits until a connection is back in the pool. That happens some time after the
// query's end.
func awaitIdle(pool *pgxsecret.Pool) {
	for pool.Pool().Stat().IdleConns() == 0 {
		runtime.Gosched()
	}
}

// TestHooksOfTheConfigAreCalled checks that they are called as pgxpool calls them.
func TestHooksOfTheConfigAreCalled(t *testing.T) {
	db, ctx := pgtest.New(t), t.Context()
	must(t, db.CreateUser(ctx, "app", "first"))
	l := new(label)
	l.set("1", "app", "first")
	config, apply := pgxConfig(t, db)
	called := map[string]int{}
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { called["BeforeConnect"]++; return nil }
	config.AfterConnect = func(context.Context, *pgx.Conn) error { called["AfterConnect"]++; return nil }
	//lint:ignore SA1019 A user's config may have it.
	config.BeforeAcquire = func(context.Context, *pgx.Conn) bool { called["BeforeAcquire"]++; return true }
	config.AfterRelease = func(*pgx.Conn) bool { called["AfterRelease"]++; return true }
	pool, err := pgxsecret.New(ctx, config, l.handle(t), apply)
	must(t, err)
	conn, err := pool.Acquire(ctx)
	must(t, err)
	conn.Release()
	pool.Close()
	for _, hook := range []string{"BeforeConnect", "AfterConnect", "BeforeAcquire", "AfterRelease"} {
		if called[hook] != 1 {
			t.Errorf("%s was called %d times", hook, called[hook])
		}
	}
}

func TestAPoolWithoutAFunctionForTheCredentialIsAnError(t *testing.T) {
	config, err := pgxpool.ParseConfig("sslmode=disable")
	must(t, err)
	if pool, err := pgxsecret.New[creds](t.Context(), config, new(label).handle(t), nil); err == nil {
		pool.Close()
		t.Error("New returned a pool whose first login would panic")
	}
}

// TestACredentialIsOfItsPool: a hook uses another pool with the context of a login.
func TestACredentialIsOfItsPool(t *testing.T) {
	db, ctx := pgtest.New(t), t.Context()
	must(t, db.CreateUser(ctx, "app", "second"))
	must(t, db.CreateUser(ctx, "app_clone", "first"))
	ours, theirs := new(label), new(label)
	ours.set("1", "app", "first")
	theirs.set("1", "app_clone", "first")
	secret := ours.handle(t)
	_, err := secret.Get(ctx)
	must(t, err)
	ours.set("2", "app", "second") // makes the first login refused, so that it goes through Do

	config, apply := pgxConfig(t, db)
	other, err := pgxsecret.New(ctx, config, theirs.handle(t), apply)
	must(t, err)
	defer other.Close()
	config, _ = pgxConfig(t, db)
	config.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
		other.Pool().Reset() // makes it log in again
		var user string
		err := other.Pool().QueryRow(ctx, "SELECT current_user").Scan(&user)
		if user != "app_clone" {
			t.Errorf("the other pool has logged in as %q, %v", user, err)
		}
		return err
	}
	pool, err := pgxsecret.New(ctx, config, secret, apply)
	must(t, err)
	defer pool.Close()
	must(t, pool.Ping(ctx))
}

// TestConnectionsThatThePoolMakesByItselfKeepToTheBound: their logins and those of the
// pool's users count together.
func TestConnectionsThatThePoolMakesByItselfKeepToTheBound(t *testing.T) {
	db, ctx := pgtest.New(t), t.Context()
	must(t, db.CreateUser(ctx, "app", "second"))
	l := new(label)
	l.set("1", "app", "first")
	secret := l.handle(t, typedsecret.WithMaxRejections(4), typedsecret.WithRetryBudget(0))
	config, apply := pgxConfig(t, db)
	config.MinConns, config.MaxConns = 8, 16
	pool, err := pgxsecret.New(ctx, config, secret, apply)
	must(t, err)
	defer pool.Close()
	var users sync.WaitGroup
	for range 32 {
		users.Go(func() {
			for range 4 {
				if err := pool.Ping(ctx); !errors.Is(err, typedsecret.ErrRejected) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
	users.Wait()
	for pool.Pool().Stat().NewConnsCount() < 8 { // the pool tries to open its MinConns
		runtime.Gosched()
	}
	n, err := db.RefusedLogins("app")
	must(t, err)
	if n == 0 || n > 4 {
		t.Errorf("%d wrong logins", n)
	}
	l.set("2", "app", "second")
	must(t, pool.Ping(ctx))
	for pool.Pool().Stat().IdleConns() == 0 {
		runtime.Gosched()
	}
}
