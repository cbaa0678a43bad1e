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
	Pools         int  // the number of its pools
	Rotations     int

	Queries, Failed, Retried int
	Longest                  time.Duration // the longest time of a query
	Refused, Opened          int           // logins
	Calls                    int           // the API calls to Secrets Manager
	BackoffCalls             int           // those calls that brought nothing new
	MostBackoffCalls         int           // the limit for BackoffCalls in this scenario
	Err                      error         // the error of the first query that failed
}

// Run plays a scenario with this many rotations, for all five contenders at once.
func Run(ctx context.Context, db *pgtest.Server, s Scenario, rotations int) ([]Result, error) {
	return s.play(ctx, rotations, place{"prod/db", db, setUser(db), db.URL("", ""), contenders})
}

// A place is a database with a secret of its own, and the contenders that use both.
type place struct {
	secretID   string
	database   rotation.Database
	setUser    func(ctx context.Context, user, password string) error // makes a user, or changes its password
	url        string                                                 // the database's, if it is a PostgreSQL
	contenders []func(environment) (*contender, error)
}

// setUser returns the function of a place for a database that distinguishes new users.
func setUser(db interface {
	rotation.Database
	CreateUser(ctx context.Context, user, password string) error
},
) func(ctx context.Context, user, password string) error {
	return func(ctx context.Context, user, password string) error {
		if db.CreateUser(ctx, user, password) == nil {
			return nil
		}
		return db.SetPassword(ctx, user, password) // the user exists from the scenario before
	}
}

// play plays a scenario in all places at once.
func (s Scenario) play(ctx context.Context, rotations int, places ...place) ([]Result, error) {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		return nil, err
	}
	defer server.Close()
	var all []*contender
	defer func() {
		for _, c := range all {
			c.close()
		}
	}()
	for _, p := range places {
		here, err := p.open(ctx, s, server)
		all = append(all, here...)
		if err != nil {
			return nil, err
		}
	}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	for _, c := range all {
		c.begin(loading)
	}
	rotator, done := rotation.New(server), make(chan error)
	for _, p := range places {
		go func() { done <- s.rotate(ctx, p, server, rotator, rotations) }()
	}
	for range places {
		err = errors.Join(err, <-done)
	}
	rest(ctx, meanRest) // lets the contenders notice the last rotation
	stop()
	for _, c := range all {
		c.load.running.Wait()
	}
	return s.results(all, server, rotations), err
}

// open makes the database's users of both strategies, with new passwords, the secret and the
// contenders.
func (p place) open(ctx context.Context, s Scenario, server *secrettest.Server) ([]*contender, error) {
	password := rand.Text()
	for _, user := range []string{"app", "app_clone"} {
		if err := p.setUser(ctx, user, password); err != nil {
			return nil, err
		}
	}
	if _, err := server.Create(p.secretID, fmt.Sprintf(`{"username":"app","password":%q}`, password)); err != nil {
		return nil, err
	}
	e := environment{manager: server, endpoint: server.URL(), secretID: p.secretID, lifetime: s.lifetime()}
	if p.url != "" {
		var err error
		if e.config, err = pgx.ParseConfig(p.url); err != nil {
			return nil, err
		}
	}
	return start(e, p.contenders)
}

// rotate makes the rotations, one after the other.
func (s Scenario) rotate(ctx context.Context, p place, server *secrettest.Server, rotator *rotation.Rotator, rotations int) error {
	good := rotation.Config{Database: p.database, Strategy: s.Strategy, Pauses: rotation.Pauses{Set: s.Window}}
	for n := range rotations {
		rest(ctx, meanRest/2+mathrand.N(meanRest))
		config, undone := good, s.Cancelled && n%2 == 1
		if undone {
			config.Before = rotation.FailAt(rotation.TestSecret, 1)
		}
		if err := rotator.Manage(ctx, p.secretID, config); err != nil {
			return err
		}
		end := func() {}
		if s.hasTrouble(n) {
			var err error
			if end, err = s.trouble(server); err != nil {
				return err
			}
		}
		err := rotator.Rotate(ctx, p.secretID)
		if undone && errors.Is(err, rotation.ErrInjected) {
			err = rotator.Cancel(ctx, p.secretID)
		}
		end()
		if err != nil {
			return fmt.Errorf("proof: rotation %d of %s in %q: %w", n+1, p.secretID, s.Name, err)
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
			Contender: c.name, Ours: c.ours, Pending: c.pending, Pools: max(c.pools, 1), Rotations: rotations,
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
