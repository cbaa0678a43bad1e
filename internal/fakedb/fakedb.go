// Package fakedb is a database server in memory. It serves tests of connection pools during
// a rotation, and examples that must run without PostgreSQL. It has logins, sessions and
// transactions, but keeps no data.
//
// It opens no sockets, starts no goroutines and uses only package time, so it runs in the
// bubbles of testing/synctest.
package fakedb

import (
	"context"
	"sync"
	"time"
)

// A DB is a server. It is safe for concurrent use, except for the field Latency.
type DB struct {
	// Latency is how long a login takes. Set it while no login is under way.
	Latency time.Duration

	mu       sync.Mutex // guards the fields below, and the fields of sessions that say so
	accounts map[string]account
	failure  error
	sessions map[*session]bool // those that are open
	stats    Stats
}

// An account is the present credential of a user.
type account struct {
	password string
	version  int
}

// New returns a server without users.
func New() *DB {
	return &DB{accounts: map[string]account{}, sessions: map[*session]bool{}}
}

// SetPassword creates a user or changes its password. Open sessions go on, since
// PostgreSQL asks for a password only at the start of a session.
func (db *DB) SetPassword(user, password string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	version := db.accounts[user].version
	db.accounts[user] = account{password, version + 1}
}

// Drop removes a user. Open sessions go on; see [DB.Terminate].
func (db *DB) Drop(user string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	delete(db.accounts, user)
}

// Terminate ends all sessions of a user, as pg_terminate_backend does. A
// statement that is under way fails with SQLSTATE 57P01.
func (db *DB) Terminate(user string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for s := range db.sessions {
		if s.login.User == user {
			s.end()
		}
	}
}

// Fail makes all logins fail with err, whatever the credential, until it is
// called with nil.
func (db *DB) Fail(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.failure = err
}

// CheckLogin reports whether a login with this credential succeeds, without
// opening a session. The error for a wrong one is an [*Error].
func (db *DB) CheckLogin(ctx context.Context, user, password string) error {
	if err := db.reach(ctx); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	_, err := db.check(user, password)
	return err
}

// open logs in and returns the new session.
func (db *DB) open(ctx context.Context, user, password string) (*session, error) {
	if err := db.reach(ctx); err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	version, err := db.check(user, password)
	if err != nil {
		return nil, err
	}
	db.stats.Opened++
	s := &session{
		db:     db,
		login:  Login{user, version},
		number: db.stats.Opened,
		gone:   make(chan struct{}),
	}
	db.sessions[s] = true
	return s, nil
}

func (db *DB) reach(ctx context.Context) error { return sleep(ctx, db.Latency, nil) }

// check is called with mu held.
func (db *DB) check(user, password string) (version int, err error) {
	if db.failure != nil {
		db.stats.Failed++
		return 0, db.failure
	}
	a, known := db.accounts[user]
	if !known || a.password != password {
		db.stats.Refused++
		return 0, refused(user)
	}
	return a.version, nil
}

// Stats counts logins since the start of the server, and the sessions that are open now.
type Stats struct {
	Opened  int // logins that opened a session
	Refused int // logins with a wrong credential
	Failed  int // logins that failed because of [DB.Fail]

	Commits, Rollbacks int

	Open        int            // open sessions
	OpenByUser  map[string]int // users without open sessions have no entry
	OpenByLogin map[Login]int
}

// A Login is the credential that a session was opened with.
type Login struct {
	User    string
	Version int // counts the user's passwords; the first is 1
}

// Stats returns the counts of this moment.
func (db *DB) Stats() Stats {
	db.mu.Lock()
	defer db.mu.Unlock()
	stats := db.stats
	stats.Open = len(db.sessions)
	stats.OpenByUser, stats.OpenByLogin = map[string]int{}, map[Login]int{}
	for s := range db.sessions {
		stats.OpenByUser[s.login.User]++
		stats.OpenByLogin[s.login]++
	}
	return stats
}

// sleep waits for d, or until ctx or gone is done.
func sleep(ctx context.Context, d time.Duration, gone <-chan struct{}) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-gone:
		return &Error{adminShutdown, "terminating connection due to administrator command"}
	case <-ctx.Done():
		return ctx.Err()
	}
}
