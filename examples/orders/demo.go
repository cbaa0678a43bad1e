package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

// demo starts all that the service needs on this machine, and changes cfg and the environment so
// that the service finds it. If there is no PostgreSQL, the error says so. The function that demo
// returns ends everything.
func demo(ctx context.Context, log *slog.Logger, cfg *config) (end func(), err error) {
	database, err := pgtest.Start(pgtest.Config{})
	if err != nil {
		return nil, err
	}
	manager, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		database.Close()
		return nil, err
	}
	payments := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer payments key" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}
	}))
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	end = func() {
		stop()
		running.Wait()
		payments.Close()
		manager.Close()
		database.Close()
	}
	for _, env := range manager.Env() {
		name, value, _ := strings.Cut(env, "=")
		os.Setenv(name, value)
	}
	cfg.payments, cfg.database, cfg.lifetime = payments.URL, addressOf(database), 5*time.Second
	for name, value := range map[string]string{
		"db": `{"username":"orders","password":"first"}`, "payments": "payments key", "tenants/acme": "acme key",
	} {
		if _, err := manager.Create(cfg.prefix+name, value); err != nil {
			end()
			return nil, err
		}
	}
	if err := allow(ctx, database, "orders", "first"); err != nil {
		end()
		return nil, err
	}
	running.Go(func() { rotate(ctx, log, manager, database, cfg.prefix+"db") })
	return end, nil
}

// addressOf returns the URL of a database without a login.
func addressOf(database *pgtest.Server) string {
	return fmt.Sprintf("postgres://%s:%d/%s?sslmode=disable", database.Host(), database.Port(), database.Database())
}

// allow makes a user with a schema of its own.
func allow(ctx context.Context, database *pgtest.Server, user, password string) error {
	if err := database.CreateUser(ctx, user, password); err != nil {
		return err
	}
	admin, err := database.Admin(ctx)
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, "CREATE SCHEMA AUTHORIZATION "+user)
	return err
}

// rotate rotates the password of the database every 15 seconds, as AWS's rotation function for a
// single user does: for a second, the database refuses what Secrets Manager gives out.
func rotate(ctx context.Context, log *slog.Logger, manager *secrettest.Server, database *pgtest.Server, id string) {
	rotator := rotation.New(manager)
	cfg := rotation.Config{Database: database}
	cfg.Pauses.Set = time.Second
	err := rotator.Manage(ctx, id, cfg)
	for err == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(15 * time.Second):
		}
		log.Info("the demo rotates the password of the database")
		err = rotator.Rotate(ctx, id)
	}
	if ctx.Err() == nil {
		log.Error("the demo can't rotate", "err", err)
	}
}
