// Package wronglogins counts the wrong logins that a PostgreSQL sees in the window of a
// rotation, in which the database has the new password already and AWSCURRENT is still the
// old one. To read the code, start with [Settings] and go on to [Measure].
package wronglogins

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A Setting is a service and the options of its handle.
type Setting struct {
	Pool       string // a key of Pools
	Options    string // as they are written in Go
	Goroutines int    // each has a place in the pool
	Opts       []typedsecret.Option

	// Bound is the argument of WithMaxRejections; 0 means none.
	Bound int

	// FailsFast means that queries may fail, since the handle has no retry budget.
	FailsFast bool

	// LeftBehind means that AWSPENDING belongs to a rotation that failed long ago, and that
	// the password is changed by hand. So neither version can log in.
	LeftBehind bool
}

// Window is the pause of a rotation after it has changed the password.
const Window = 2 * time.Second

const (
	secretID = "prod/db"

	// pace is the time between two queries of a goroutine. Each query needs a login.
	pace = 100 * time.Millisecond

	// settle is the time for which the service runs before the rotation, and after it.
	settle = 500 * time.Millisecond

	patience = 30 * time.Second // bounds the time of a query
)

// A Result is the cost of the window.
type Result struct {
	Setting
	Wrong   int // logins that the server refused, by its log
	AtOnce  int // the most logins that were under way at the same time
	Queries int
	Failed  int
	Longest time.Duration // the longest time of a query
	Err     error         // the error of the first query that failed
}

// Most returns how many logins may be wrong. With a bound it is the bound. Without one it
// is the number of logins that were under way when the first was refused, and two for each
// second.
func (r Result) Most() int {
	if r.Bound > 0 {
		return r.Bound
	}
	window := Window
	if r.LeftBehind {
		window *= 2 // AWSPENDING can log in only after the second attempt of the rotation
	}
	return r.AtOnce + 2*int(window/time.Second)
}

// Measure runs a service through one rotation. Each service has a database user of its own, so several
// can be measured at a time.
func Measure(ctx context.Context, db *pgtest.Server, s Setting) (Result, error) {
	r := Result{Setting: s}
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		return r, err
	}
	defer server.Close()
	user := "app_" + strings.ToLower(rand.Text())
	if err := prepare(ctx, db, server, user); err != nil {
		return r, err
	}
	l := &load{result: &r}
	service, err := open(ctx, db, server, s, l)
	if err != nil {
		return r, err
	}
	defer service.close()
	before, err := db.RefusedLogins(user)
	if err != nil {
		return r, err
	}
	l.begin(ctx, s.Goroutines, service.query)
	rest(ctx, settle)
	err = rotate(ctx, db, server, s, user)
	rest(ctx, settle)
	l.end()
	after, counting := db.RefusedLogins(user)
	r.Wrong, r.AtOnce = after-before, int(l.logins.most.Load())
	return r, errors.Join(err, counting)
}

// prepare makes the user and the secret, with the same password.
func prepare(ctx context.Context, db *pgtest.Server, server *secrettest.Server, user string) error {
	password := rand.Text()
	if err := db.CreateUser(ctx, user, password); err != nil {
		return err
	}
	_, err := server.Create(secretID, fmt.Sprintf(`{"username":%q,"password":%q}`, user, password))
	return err
}

// rotate makes a rotation with its window. For LeftBehind it makes a rotation that fails
// and changes the password by hand; after the window's time it tries the rotation again.
func rotate(ctx context.Context, db *pgtest.Server, server *secrettest.Server, s Setting, user string) error {
	rotator := rotation.New(server)
	config := rotation.Config{Database: db, Strategy: rotation.SingleUser, Pauses: rotation.Pauses{Set: Window}}
	if !s.LeftBehind {
		if err := rotator.Manage(ctx, secretID, config); err != nil {
			return err
		}
		return rotator.Rotate(ctx, secretID)
	}
	config.Before = rotation.FailAt(rotation.SetSecret, 1)
	if err := rotator.Manage(ctx, secretID, config); err != nil {
		return err
	}
	if err := rotator.Rotate(ctx, secretID); !errors.Is(err, rotation.ErrInjected) {
		return fmt.Errorf("wronglogins: the rotation that should fail: %w", err)
	}
	if err := db.SetPassword(ctx, user, rand.Text()); err != nil {
		return err
	}
	rest(ctx, Window)
	return rotator.Rotate(ctx, secretID) // the second attempt makes the pending version current
}

// A load has the goroutines of a service and their counts.
type load struct {
	running sync.WaitGroup
	stop    context.CancelFunc
	logins  logins

	mu     sync.Mutex // guards result
	result *Result
}

// begin starts the goroutines one after the other, spread over the time between two
// queries.
func (l *load) begin(ctx context.Context, goroutines int, query func(context.Context) error) {
	ctx, l.stop = context.WithCancel(ctx)
	for n := range goroutines {
		l.running.Go(func() {
			rest(ctx, pace*time.Duration(n)/time.Duration(goroutines))
			for ctx.Err() == nil {
				l.ask(query)
				rest(ctx, pace)
			}
		})
	}
}

func (l *load) end() {
	l.stop()
	l.running.Wait()
}

func (l *load) ask(query func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	began := time.Now()
	err := query(ctx)
	took := time.Since(began)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.result.Queries++
	l.result.Longest = max(l.result.Longest, took)
	if err == nil {
		return
	}
	l.result.Failed++
	if l.result.Err == nil {
		l.result.Err = err
	}
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// logins count the logins under way. It is a tracer of pgx.
type logins struct{ now, most atomic.Int64 }

// TraceConnectStart counts a login that begins.
func (l *logins) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	now := l.now.Add(1)
	for {
		most := l.most.Load()
		if now <= most || l.most.CompareAndSwap(most, now) {
			return ctx
		}
	}
}

// TraceConnectEnd counts a login that ends.
func (l *logins) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) { l.now.Add(-1) }

// TraceQueryStart does nothing; a tracer of pgx must have it.
func (l *logins) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing; a tracer of pgx must have it.
func (l *logins) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
