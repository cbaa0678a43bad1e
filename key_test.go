package typedsecret_test

import (
	"errors"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secrettest"
)

func TestWithKeyReadsOneKey(t *testing.T) {
	server := secrettest.New(t)
	server.Seed(t, "db", `{"password":"p","port":5432}`)
	with := typedsecret.WithCache(over(t, server, cache.Config{}))
	password := typedsecret.New[string]("db", with, typedsecret.WithKey("password"))
	port := typedsecret.New[int]("db", with, typedsecret.WithKey("port"))
	if err := errors.Join(password.Err(), port.Err()); err != nil {
		t.Error(err)
	}
	if v, err := password.Get(t.Context()); v != "p" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := port.Get(t.Context()); v != 5432 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if n := server.Calls(); n != 1 {
		t.Errorf("%d calls for two keys of one secret", n)
	}
	byID := typedsecret.NewByID[string](with, typedsecret.WithKey("password"))
	if v, err := byID.Get(t.Context(), "db"); v != "p" || err != nil {
		t.Errorf("by ID: %q, %v", v, err)
	}
	if _, err := typedsecret.New[string]("db", with, typedsecret.WithKey("user")).Get(t.Context()); !errors.Is(err, codec.ErrMissingKey) {
		t.Errorf("a missing key: %v", err)
	}
	for _, key := range []string{"", "a,b"} {
		if err := typedsecret.New[string]("db", typedsecret.WithKey(key)).Err(); err == nil {
			t.Errorf("the key %q is no error", key)
		}
	}
}

func TestByIDMakesHandles(t *testing.T) {
	server := secrettest.New(t)
	server.Seed(t, "tenant/1", "a")
	byID := typedsecret.NewByID[string](typedsecret.WithCache(over(t, server, cache.Config{})), typedsecret.WithRetryBudget(0))
	handle := byID.Secret("tenant/1")
	if err := typedsecret.Preload(t.Context(), handle); err != nil {
		t.Fatal(err)
	}
	if v, err := handle.Get(t.Context()); v != "a" || err != nil || handle.ID() != "tenant/1" {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := byID.Get(t.Context(), "tenant/1"); v != "a" || err != nil || server.Calls() != 1 {
		t.Errorf("%q, %v, %d calls", v, err, server.Calls())
	}
	for _, id := range []string{"", "arn:x", "a\n"} {
		if err := byID.Secret(id).Err(); !errors.Is(err, typedsecret.ErrInvalidRef) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if err := (&typedsecret.ByID[string]{}).Secret("x").Err(); !errors.Is(err, typedsecret.ErrZeroHandle) {
		t.Error(err)
	}
}
