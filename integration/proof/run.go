package proof

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A Result is the cost of a scenario to one contender.
type Result struct {
	Contender     string
	Ours, Pending bool // whether it uses this library, and whether it tries AWSPENDING too
	Rotations     int

	Queries, Failed, Retried int
	Longest                  time.Duration // the longest time of a query
	Refused, Opened          int           // logins
	Calls                    int           // the API calls to Secrets Manager
	BackoffCalls             int           // those calls that brought nothing new
	MostBackoffCalls         int           // the limit for BackoffCalls in this scenario
	Err                      error         // the error of the first query that failed
}

// Run plays a scenario with this many rotations, for all contenders at once.
func Run(ctx context.Context, db *pgtest.Server, s Scenario, rotations int) ([]Result, error) {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	if err := users(ctx, db, server); err != nil {
		return nil, err
	}
	config, err := pgx.ParseConfig(db.URL("", ""))
	if err != nil {
		return nil, err
	}
	all, err := start(environment{server.URL(), config, s.lifetime()})
	defer func() {
		for _, c := range all {
			c.close()
		}
	}()
	if err != nil {
		return nil, err
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	for _, c := range all {
		c.begin(loading)
	}
	err = s.rotate(ctx, db, server, rotations)
	rest(ctx, meanRest) // lets the contenders notice the last rotation
	stop()
	for _, c := range all {
		c.load.running.Wait()
	}
	return s.results(all, server, rotations), err
}

// users makes the database users of both strategies, with new passwords, and the secret.
func users(ctx context.Context, db *pgtest.Server, server *secrettest.Server) error {
	password := rand.Text()
	for _, user := range []string{"app", "app_clone"} {
		if db.CreateUser(ctx, user, password) == nil {
			continue
		}
		if err := db.SetPassword(ctx, user, password); err != nil { // the user exists from the scenario before
			return err
		}
	}
	_, err := server.Create(secretID, fmt.Sprintf(`{"username":"app","password":%q}`, password))
	return err
}

// rotate makes the rotations, one after the other.
func (s Scenario) rotate(ctx context.Context, db *pgtest.Server, server *secrettest.Server, rotations int) error {
	rotator := rotation.New(server)
	good := rotation.Config{Database: db, Strategy: s.Strategy, Pauses: rotation.Pauses{Set: s.Window}}
	for n := range rotations {
		rest(ctx, meanRest/2+mathrand.N(meanRest))
		config, undone := good, s.Cancelled && n%2 == 1
		if undone {
			config.Before = rotation.FailAt(rotation.TestSecret, 1)
		}
		if err := rotator.Manage(ctx, secretID, config); err != nil {
			return err
		}
		end := func() {}
		if s.hasTrouble(n) {
			var err error
			if end, err = s.trouble(server); err != nil {
				return err
			}
		}
		err := rotator.Rotate(ctx, secretID)
		if undone && errors.Is(err, rotation.ErrInjected) {
			err = rotator.Cancel(ctx, secretID)
		}
		end()
		if err != nil {
			return fmt.Errorf("proof: rotation %d of %q: %w", n+1, s.Name, err)
		}
	}
	return nil
}

// trouble begins the scenario's trouble, and returns a function that waits for its end.
func (s Scenario) trouble(server *secrettest.Server) (end func(), err error) {
	fault := s.Trouble
	fault.Operation = "GetSecretValue"
	stop, err := server.Inject(fault)
	if err != nil {
		return nil, err
	}
	over := make(chan struct{})
	time.AfterFunc(s.Lasting, func() {
		stop()
		close(over)
	})
	return func() { <-over }, nil
}

func (s Scenario) results(all []*contender, server *secrettest.Server, rotations int) (list []Result) {
	requests := server.Requests()
	for _, c := range all {
		r := Result{
			Contender: c.name, Ours: c.ours, Pending: c.pending, Rotations: rotations,
			Queries: c.load.queries, Failed: c.load.failed, Retried: c.load.retried, Longest: c.load.longest,
			Refused: int(c.refused.Load()), Opened: int(c.opened.Load()),
			MostBackoffCalls: s.backoffCalls(rotations, c.pending), Err: c.load.err,
		}
		for _, request := range requests {
			if strings.Contains(request.UserAgent, "app/"+c.id) {
				r.Calls++
			}
		}
		if c.ours {
			r.BackoffCalls = int(c.backoff.Load()) - 1 // the first fetch brought something
		}
		list = append(list, r)
	}
	return list
}
