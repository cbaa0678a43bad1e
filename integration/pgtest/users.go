package pgtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Admin opens a session of the superuser. The caller has to close it.
func (s *Server) Admin(ctx context.Context) (*pgx.Conn, error) {
	return pgx.ConnectConfig(ctx, s.config(s.port, s.cfg.Database, superuser, s.password))
}

// CreateUser makes a user that may log in.
func (s *Server) CreateUser(ctx context.Context, user, password string) error {
	return s.role(ctx, "CREATE", user, password)
}

// SetPassword gives a user another password. Open sessions of the user go on. A login with
// the former password is refused from now on.
func (s *Server) SetPassword(ctx context.Context, user, password string) error {
	return s.role(ctx, "ALTER", user, password)
}

// role executes CREATE ROLE or ALTER ROLE. These take no parameters, so the server first
// quotes the name and the password.
func (s *Server) role(ctx context.Context, verb, user, password string) error {
	if strings.ContainsRune(user+password, 0) {
		return fmt.Errorf("pgtest: %s ROLE: a NUL in the name or the password", verb)
	}
	const quote = "SELECT format('%s ROLE %I LOGIN PASSWORD %L', $1::text, $2::text, $3::text)"
	var statement string
	err := s.pool.QueryRow(ctx, quote, verb, user, password).Scan(&statement)
	if err == nil {
		_, err = s.pool.Exec(ctx, statement)
	}
	if err != nil {
		return fmt.Errorf("pgtest: %s ROLE %q: %w", verb, user, err)
	}
	return nil
}

// CheckLogin opens a session and ends it, before it returns. If the server refuses the password,
// the error wraps a *pgconn.PgError with the code 28P01.
func (s *Server) CheckLogin(ctx context.Context, user, password string) error {
	return login(ctx, s.config(s.port, s.cfg.Database, user, password))
}

// RefusedLogins returns how many logins of a user the server has refused for a wrong
// password since it started. It counts them in the server's log. The server writes a
// refusal there before the client gets it.
func (s *Server) RefusedLogins(user string) (int, error) {
	log, err := os.ReadFile(s.log())
	if err != nil {
		return 0, fmt.Errorf("pgtest: counting refused logins: %w", err)
	}
	return strings.Count(string(log), fmt.Sprintf("password authentication failed for user %q\n", user)), nil
}

// Sessions returns how many sessions a user has.
func (s *Server) Sessions(ctx context.Context, user string) (int, error) {
	var n int
	err := s.pool.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE usename = $1", user).Scan(&n)
	return n, err
}

// config returns how a user connects. It has no connection string with the password, so
// that no error about the string shows it.
func (s *Server) config(port int, database, user, password string) *pgx.ConnConfig {
	c := s.base.Copy()
	c.Host, c.Port = host, uint16(port)
	c.Database, c.User, c.Password = database, user, password
	return c
}

// login opens a session and ends it. It returns when the server has ended the session too,
// so that Sessions no longer counts it. pgx's Close does not wait for that.
func login(ctx context.Context, cfg *pgx.ConnConfig) error {
	c, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return err
	}
	session, err := c.PgConn().Hijack()
	if err != nil {
		return err
	}
	defer session.Conn.Close()
	stop := context.AfterFunc(ctx, func() { session.Conn.Close() })
	defer stop()
	session.Frontend.Send(&pgproto3.Terminate{})
	if err := session.Frontend.Flush(); err != nil {
		return err
	}
	io.Copy(io.Discard, session.Conn) // until the server closes the connection
	return ctx.Err()
}
