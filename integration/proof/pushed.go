package proof

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/typedsecret/typedsecret/integration/natstest"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	natsnotify "github.com/typedsecret/typedsecret/notify/nats"
	"github.com/typedsecret/typedsecret/secrettest"
)

// pushSpread is the EventSpread of services with pushes. It is shorter than the default of 4 s as
// the time between two rotations is shorter here.
const pushSpread = 200 * time.Millisecond

// pushSubject is where the rotations are announced.
const pushSubject = "rotations"

// PushedScenarios are played by [RunPushed]. Play at most five rotations within five minutes: the
// budget of a cache allows no more fetches for events.
var PushedScenarios = []Scenario{
	{Name: "single user, window 200 ms", Strategy: rotation.SingleUser, Window: 200 * time.Millisecond},
	{Name: "single user, window 2 s", Strategy: rotation.SingleUser, Window: 2 * time.Second},
	{Name: "alternating users", Strategy: rotation.AlternatingUsers, Window: 200 * time.Millisecond},
}

// RunPushed plays a scenario with this many rotations, for services that learn of each rotation
// over NATS and for the same without.
func RunPushed(ctx context.Context, db *pgtest.Server, s Scenario, rotations int) (results []Result, err error) {
	server, err := natstest.Start()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return s.play(ctx, rotations, place{"prod/db", db, setUser(db), db.URL("", ""), []func(environment) (*contender, error){
		withSQLSecret,
		func(e environment) (*contender, error) {
			c, err := overSQLSecret(e, &contender{id: "pushed", name: "the same, with pushes", ours: true, spread: pushSpread})
			return c.subscribe(e, server, err)
		},
		withPGXPool,
		func(e environment) (*contender, error) {
			c, err := overPGXPool(e, &contender{id: "pgxpushed", name: "the same, with pushes", ours: true, spread: pushSpread})
			return c.subscribe(e, server, err)
		},
	}})
}

// subscribe makes a contender hear of the rotations until it is closed. It returns err, if there is
// one, so that it can wrap a call that makes a contender.
func (c *contender) subscribe(e environment, server *natstest.Server, err error) (*contender, error) {
	if err != nil {
		return c, err
	}
	receiver, err := natsnotify.New(natsnotify.Config{URL: server.URL(), Subject: pushSubject})
	if err != nil {
		return c, err
	}
	ctx, stop := context.WithCancel(context.Background())
	done, closeRest := make(chan struct{}), c.close
	go func() {
		defer close(done)
		_ = receiver.Receive(ctx, c.secrets.HandleEvent) // returns no error
	}()
	c.close = func() {
		stop()
		<-done
		closeRest()
	}
	e.manager.OnEvent(func(_ context.Context, event secrettest.Event) error {
		message, err := json.Marshal(event)
		if err != nil {
			return err
		}
		return server.Publish(pushSubject, message)
	})
	return c, nil
}
