package carriers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/secrettest"
)

// moved is the event that Secrets Manager sends of a secret's rotation.
func moved(name string) string {
	return fmt.Sprintf(`{"version":"0","detail-type":"Secret Label Updated","source":"aws.secretsmanager","time":"2024-02-06T16:43:48Z",
		"resources":["arn:aws:secretsmanager:us-east-1:123456789012:secret:%s-a1b2c3"],
		"detail":{"name":%[1]q,"labelUpdated":"AWSCURRENT","versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`, name)
}

// secrettestConfig is that of a cache which fetches only what an event or a reader asks for.
var secrettestConfig = cache.Config{TTL: time.Hour, EventSpread: -1}

// seesRotations goes the whole way: a label moves in secrettest, its event comes by a carrier,
// and a handle that is only watched has the new value.
func seesRotations(t *testing.T, receiver notify.Receiver, send func(message string) error) {
	manager, secrets := secrettest.NewCache(t, secrettestConfig)
	manager.Seed(t, "prod/db", "0")
	secret := typedsecret.New[string]("prod/db", typedsecret.WithCache(secrets))
	heard := make(chan string, 1000)
	run(t, receiver, func(ctx context.Context, e notify.Event) error {
		heard <- e.Name
		return secrets.HandleEvent(ctx, e)
	})
	events{t, heard}.probe(func(name string) {
		if err := send(moved(name)); err != nil {
			t.Fatal(err)
		}
	})
	manager.OnEvent(func(_ context.Context, e secrettest.Event) error {
		body, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return send(string(body)) // which may fail when the test has ended
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	seen := 0
	for value, err := range secret.Watch(ctx) {
		if err != nil || value != strconv.Itoa(seen) {
			t.Fatalf("rotation %d brought %q, %v", seen, value, err)
		}
		if seen++; seen > 3 {
			break
		}
		manager.Rotate(t, "prod/db", strconv.Itoa(seen))
	}
	if seen != 4 {
		t.Errorf("%d values were seen, want 4", seen)
	}
}
