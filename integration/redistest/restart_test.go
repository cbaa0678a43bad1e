package redistest_test

import (
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/integration/redistest"
)

// TestAServerIsStoppedAndStartedAgain: it has the same address and users, and no data.
func TestAServerIsStoppedAndStartedAgain(t *testing.T) {
	server := redistest.New(t)
	if err := server.SetUser(t.Context(), "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), Username: "app", Password: "sesame"})
	defer client.Close()
	if err := client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Error("a stopped server answers")
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := client.Get(t.Context(), "key").Err(); err != redis.Nil {
		t.Errorf("the key: %v", err)
	}
	if err := server.SetUser(t.Context(), "app", "sesame 2"); err != nil {
		t.Fatal(err)
	}
	if err := server.CheckLogin(t.Context(), "app", "sesame"); err == nil {
		t.Error("the former password is good")
	}
}
