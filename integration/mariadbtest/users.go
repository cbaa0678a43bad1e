package mariadbtest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// CreateUser makes a user that may do everything in the database.
func (s *Server) CreateUser(ctx context.Context, user, password string) error {
	if err := s.exec(ctx, "CREATE USER", user, " IDENTIFIED BY "+quote(password)); err != nil {
		return err
	}
	_, err := s.admin.ExecContext(ctx, "GRANT ALL ON "+database+".* TO "+quote(user)+"@'%'")
	return err
}

// SetPassword gives a user another password. Open sessions of the user go on. A login with
// the former password is refused from now on.
func (s *Server) SetPassword(ctx context.Context, user, password string) error {
	return s.exec(ctx, "ALTER USER", user, " IDENTIFIED BY "+quote(password))
}

// Lock refuses the user's logins from now on. Open sessions go on.
func (s *Server) Lock(ctx context.Context, user string) error {
	return s.exec(ctx, "ALTER USER", user, " ACCOUNT LOCK")
}

// Drop removes a user. Open sessions go on.
func (s *Server) Drop(ctx context.Context, user string) error {
	return s.exec(ctx, "DROP USER", user, "")
}

// exec executes a statement about a user. If it fails, the error has the server's number,
// but not its text, which quotes the statement.
func (s *Server) exec(ctx context.Context, verb, user, rest string) error {
	_, err := s.admin.ExecContext(ctx, verb+" "+quote(user)+"@'%'"+rest)
	if answer, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return fmt.Errorf("mariadbtest: %s %q: error %d", verb, user, answer.Number)
	}
	return err
}

// quote returns a text as a literal. These statements take no parameters.
func quote(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}

// CheckLogin opens a session and ends it. If the server refuses the password, the error
// wraps a *mysql.MySQLError with the number 1045.
func (s *Server) CheckLogin(ctx context.Context, user, password string) error {
	return login(ctx, s.port, user, password)
}

// Sessions returns how many sessions a user has.
func (s *Server) Sessions(ctx context.Context, user string) (n int, err error) {
	err = s.admin.QueryRowContext(ctx, "SELECT count(*) FROM information_schema.processlist WHERE user = ?", user).Scan(&n)
	return n, err
}

func login(ctx context.Context, port int, user, password string) error {
	connector, err := mysql.NewConnector(config(port, user, password))
	if err != nil {
		return err
	}
	c, err := connector.Connect(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}
