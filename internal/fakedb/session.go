package fakedb

import (
	"context"
	"database/sql/driver"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A session is used by one goroutine at a time, as database/sql does. Any goroutine may end
// it.
type session struct {
	db     *DB
	login  Login
	number int

	gone  chan struct{} // closed, with db.mu held, when the session ends
	began bool          // in a transaction; guarded by db.mu
}

// end rolls the session's transaction back. It is called with db.mu held.
func (s *session) end() {
	if !s.db.sessions[s] {
		return
	}
	delete(s.db.sessions, s)
	close(s.gone)
	if s.began {
		s.began = false
		s.db.stats.Rollbacks++
	}
}

func (s *session) close() {
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	s.end()
}

func (s *session) alive() bool {
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

// usable returns the error that makes database/sql take another session, if this one has
// ended.
func (s *session) usable() error {
	if !s.alive() {
		return driver.ErrBadConn
	}
	return nil
}

func (s *session) begin(ctx context.Context) (driver.Tx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.db.mu.Lock()
	defer s.db.mu.Unlock()
	switch {
	case !s.alive():
		return nil, driver.ErrBadConn
	case s.began:
		return nil, &Error{activeTransaction, "there is already a transaction in progress"}
	}
	s.began = true
	return &tx{session: s}, nil
}

// A tx is a transaction. Only the session that began it can end it.
type tx struct {
	session *session
	done    bool // guarded by db.mu
}

func (t *tx) Commit() error   { return t.finish(&t.session.db.stats.Commits) }
func (t *tx) Rollback() error { return t.finish(&t.session.db.stats.Rollbacks) }

func (t *tx) finish(count *int) error {
	t.session.db.mu.Lock()
	defer t.session.db.mu.Unlock()
	switch {
	case !t.session.alive():
		return driver.ErrBadConn
	case t.done:
		return &Error{noTransaction, "there is no transaction in progress"}
	}
	t.done, t.session.began = true, false
	*count++
	return nil
}

// run executes one of the statements that the server knows:
//
//	SELECT 1
//	SELECT current_user
//	SELECT session        -- its number, counted from 1
//	SLEEP 50ms            -- answers after that time, with that time
//	INSERT, UPDATE, DELETE whatever
//
// INSERT, UPDATE and DELETE change nothing, and report one changed row. Arguments are
// ignored.
func (s *session) run(ctx context.Context, query string) (*rows, error) {
	if err := s.usable(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	verb, rest, _ := strings.Cut(strings.TrimRight(strings.TrimSpace(query), "; "), " ")
	rest = strings.ToLower(strings.TrimSpace(rest))
	switch verb = strings.ToUpper(verb); {
	case verb == "SELECT" && rest == "1":
		return one("?column?", int64(1)), nil
	case verb == "SELECT" && rest == "current_user":
		return one("current_user", s.login.User), nil
	case verb == "SELECT" && rest == "session":
		return one("session", int64(s.number)), nil
	case verb == "SLEEP":
		d, err := time.ParseDuration(rest)
		if err != nil {
			return nil, &Error{syntaxError, err.Error()}
		}
		if err := sleep(ctx, d, s.gone); err != nil {
			return nil, err
		}
		return one("sleep", d.String()), nil
	case verb == "INSERT" || verb == "UPDATE" || verb == "DELETE":
		return &rows{affected: 1}, nil
	}
	return nil, &Error{syntaxError, fmt.Sprintf("syntax error at or near %s", strconv.Quote(verb))}
}

// rows is the answer to a statement: at most one row, with at most one column.
type rows struct {
	columns  []string
	values   []driver.Value
	affected int64
}

func one(column string, value driver.Value) *rows {
	return &rows{columns: []string{column}, values: []driver.Value{value}}
}

func (r *rows) Columns() []string { return r.columns }

func (r *rows) Close() error { return nil }

func (r *rows) Next(dest []driver.Value) error {
	if len(r.values) == 0 {
		return io.EOF
	}
	copy(dest, r.values)
	r.values = nil
	return nil
}

func (r *rows) result() driver.Result { return driver.RowsAffected(r.affected) }
