package sqlsecret_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// failing is a driver.Connector whose logins fail.
type failing struct{ connect func() error }

func (f failing) Connect(context.Context) (driver.Conn, error) { return nil, f.connect() }
func (f failing) Driver() driver.Driver                        { return nil }

// A quotingError is a driver's, with the DSN in its text.
type quotingError struct{ dsn string }

func (q *quotingError) Error() string    { return "login failed: " + q.dsn }
func (q *quotingError) SQLState() string { return "28P01" }

// TestADriverThatQuotesTheDSNShowsNoPassword: its error is passed on but for that.
func TestADriverThatQuotesTheDSNShowsNoPassword(t *testing.T) {
	const password = "s3cret/p@ssword"
	reached := errors.New("no route to db.internal")
	for name, c := range map[string]struct {
		connect  func(dsn string) error
		says     string
		rejected bool
	}{
		"an error":                {func(dsn string) error { return fmt.Errorf("parsing %s: %w", dsn, reached) }, "no route to db.internal", false},
		"a refusal":               {func(dsn string) error { return &quotingError{dsn} }, "login failed", true},
		"a wrapped error":         {func(dsn string) error { return errors.Join(reached, errors.New(dsn)) }, "no route to db.internal", false},
		"the password as it is":   {func(string) error { return fmt.Errorf("bad password %s: %w", password, reached) }, "bad password", false},
		"an error that is clean":  {func(string) error { return reached }, "no route to db.internal", false},
		"a panic":                 {func(dsn string) error { panic(dsn) }, "panic in the driver's Connect", false},
		"a panic with an error":   {func(dsn string) error { panic(&quotingError{dsn}) }, "panic in the driver's Connect", false},
		"an error with a panic":   {func(string) error { return (*quotingError)(nil) }, "panic in the driver's Connect", false},
		"the DSN in another form": {func(string) error { return fmt.Errorf("bad query %s", url.QueryEscape(password)) }, "bad query", false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t, typedsecret.WithRetryBudget(0))
				defer s.stop()
				s.server.Rotate(t, "prod/db", payload("application", password))
				db := sqlsecret.OpenDB(s.secret, func(v creds) (driver.Connector, error) {
					dsn := url.URL{Scheme: "postgres", User: url.UserPassword(v.Username, v.Password), Host: "db.internal"}
					return failing{func() error { return c.connect(dsn.String()) }}, nil
				})
				defer db.Close()
				err := db.Ping()
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Fatalf("the error is %v, want one with %q", err, c.says)
				}
				for _, verb := range []string{"%v", "%+v", "%#v"} {
					for _, form := range []string{password, url.QueryEscape(password), url.UserPassword("", password).String()[1:]} {
						if text := fmt.Sprintf(verb, err); strings.Contains(text, form) {
							t.Errorf("the error shows the password: %s", text)
						}
					}
				}
				if got := errors.Is(err, typedsecret.ErrRejected); got != c.rejected {
					t.Errorf("it counts as rejected: %v", got)
				}
				if c.says == reached.Error() && !errors.Is(err, reached) {
					t.Error("errors.Is does not find the driver's error")
				}
				if _, ok := errors.AsType[*quotingError](err); ok != c.rejected {
					t.Errorf("errors.As finds the driver's error: %v", ok)
				}
			})
		})
	}
}
