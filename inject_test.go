package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secrettest"
)

func connect(_ context.Context, creds DBCreds, database string) (string, error) {
	return fmt.Sprintf("%s:%s@%s:%d/%s", creds.Username, creds.Password, creds.Host, creds.Port, database), nil
}

func TestInjectedFunctionGetsThePresentValue(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "prod/db", credsV1JSON)
	handle := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(c))
	connectTo := typedsecret.Inject(handle, connect)
	if got, err := connectTo(t.Context(), "orders"); got != "app:first@db.internal:5432/orders" || err != nil {
		t.Errorf("before the rotation: %q, %v", got, err)
	}
	server.Rotate(t, "prod/db", strings.Replace(credsV1JSON, "first", "second", 1))
	must[DBCreds](t)(handle.Refresh(t.Context()))
	if got, err := connectTo(t.Context(), "users"); got != "app:second@db.internal:5432/users" || err != nil {
		t.Errorf("after it: %q, %v", got, err)
	}
}

// TestInjectNamesMissingKeysAndNoValue: the error has the secret's ID, and every missing
// key with its field.
func TestInjectNamesMissingKeysAndNoValue(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "prod/db", `{"username":"Qx7Zk9","Host":"Wv3Jm8","port":null}`)
	handle := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(c))
	_, err := typedsecret.Inject(handle, connect)(t.Context(), "orders")
	if !errors.Is(err, codec.ErrMissingKey) {
		t.Fatal(err)
	}
	refused, _ := errors.AsType[*codec.Error](err)
	want := []codec.MissingKey{
		{Key: "port", Field: "Port", Null: true},
		{Key: "password", Field: "Password"},
		{Key: "host", Field: "Host", Near: "Host"},
	}
	if diff := cmp.Diff(want, refused.Missing); diff != "" {
		t.Errorf("missing keys (-want +got):\n%s", diff)
	}
	text := err.Error()
	for _, word := range []string{"prod/db", `"host" (field Host`, `"password" (field Password`, `"port" (field Port`} {
		if !strings.Contains(text, word) {
			t.Errorf("the error lacks %q: %s", word, text)
		}
	}
	for _, value := range []string{"Qx7Zk9", "Wv3Jm8"} {
		if strings.Contains(text, value) {
			t.Errorf("the error quotes a value: %s", text)
		}
	}
}

func TestErrorsOfTheInjectedFunctionPassUnchanged(t *testing.T) {
	handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, storing("k", "5"), cache.Config{})))
	own := errors.New("the function's own")
	got, err := typedsecret.Inject(handle, func(context.Context, int, int) (int, error) { return 7, own })(t.Context(), 0)
	if got != 7 || err != own {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFunctionIsNotCalledWithoutTheSecret(t *testing.T) {
	handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, storing(), cache.Config{})))
	called := false
	_, err := typedsecret.Inject(handle, func(context.Context, int, int) (int, error) {
		called = true
		return 0, nil
	})(t.Context(), 0)
	if called || !errors.Is(err, typedsecret.ErrNotFound) {
		t.Errorf("called: %v, error: %v", called, err)
	}
}

func TestInjectIntoNilIsAnError(t *testing.T) {
	handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, storing("k", "5"), cache.Config{})))
	_, err := typedsecret.Inject[int, int, int](handle, nil)(t.Context(), 0)
	if err == nil || !strings.Contains(err.Error(), "function given to Inject is nil") {
		t.Error(err)
	}
}
