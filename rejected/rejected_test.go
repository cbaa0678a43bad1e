package rejected_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/typedsecret/typedsecret/rejected"
)

// The errors below have the shapes of the drivers' errors. The tests of integration/drivers
// use the real ones.

type pgError struct{ code string }

func (e *pgError) Error() string    { return "FATAL: (SQLSTATE " + e.code + ")" }
func (e *pgError) SQLState() string { return e.code }

// A bouncerError is pgx's error for an answer of PgBouncer, which uses one code for all
// failures.
type bouncerError string

func (e bouncerError) Error() string  { return "FATAL: " + string(e) + " (SQLSTATE 08P01)" }
func (bouncerError) SQLState() string { return "08P01" }

type MySQLError struct {
	Number   uint16
	SQLState [5]byte
	Message  string
}

func (e MySQLError) Error() string { return fmt.Sprintf("Error %d: %s", e.Number, e.Message) }

type mssqlError struct{ number int32 }

func (e mssqlError) Error() string         { return fmt.Sprintf("mssql: (%d)", e.number) }
func (e mssqlError) SQLErrorNumber() int32 { return e.number }

type redisError string

func (e redisError) Error() string { return string(e) }

type statusCode int

func (e statusCode) Error() string   { return fmt.Sprintf("status %d", int(e)) }
func (e statusCode) StatusCode() int { return int(e) }

type responseError struct{ response *struct{ code int } }

func responded(code int) *responseError { return &responseError{&struct{ code int }{code}} }

func (e *responseError) Error() string       { return "http response error" }
func (e *responseError) HTTPStatusCode() int { return e.response.code }

type (
	grpcCode   uint32
	grpcStatus struct{ code grpcCode }
	grpcError  struct{ status *grpcStatus }
)

func grpc(code grpcCode) *grpcError { return &grpcError{&grpcStatus{code}} }

func (s *grpcStatus) Code() grpcCode           { return s.code }
func (e *grpcError) Error() string             { return "rpc error" }
func (e *grpcError) GRPCStatus() *grpcStatus   { return e.status }
func (e *grpcError) GRPCStatusText(int) string { return "" }

// A wrapper has a text that does not show the wrapped error's.
type wrapper struct{ err error }

func (w wrapper) Error() string { return "failed" }
func (w wrapper) Unwrap() error { return w.err }

func TestRefusalsAreKnown(t *testing.T) {
	for _, tt := range []struct {
		name    string
		is      func(error) bool
		refused []error
		others  []error
	}{
		{
			"PostgreSQL", rejected.PostgreSQL,
			[]error{
				&pgError{"28P01"}, &pgError{"28000"},
				bouncerError("password authentication failed"), bouncerError("SASL authentication failed"),
				bouncerError("no such user"),
				bouncerError("server login has been failing, try again later (server_login_retry)"),
				bouncerError(`server login has been failing, cached error: password authentication failed for user "app" (server_login_retry)`),
				bouncerError(`server login has been failing, cached error: role "app" is not permitted to log in (server_login_retry)`),
			},
			[]error{
				bouncerError("server login has been failing, cached error: connect failed (server_login_retry)"),
				bouncerError("no more connections allowed (max_client_conn)"), bouncerError("query_wait_timeout"),
				&pgError{"08P01"}, &pgError{""}, &pgError{"42501"}, &pgError{"53300"}, &pgError{"28"}, errors.New("28P01"), (*pgError)(nil),
				stateless{},
			},
		},
		{
			"MySQL", rejected.MySQL,
			[]error{
				&MySQLError{Number: 1045},
				MySQLError{Number: 1045},
				&MySQLError{Number: 3118}, &MySQLError{Number: 4151}, &MySQLError{Number: 3955}, &MySQLError{Number: 4150}, &MySQLError{Number: 1862},
			},
			[]error{&MySQLError{Number: 1044}, &MySQLError{}, (*MySQLError)(nil), errors.New("Error 1045"), mysqlLike{1045}, oddMySQLError(1045)},
		},
		{
			"SQLServer", rejected.SQLServer,
			[]error{mssqlError{18456}, &mssqlError{18456}},
			[]error{mssqlError{4060}, (*mssqlError)(nil), errors.New("18456")},
		},
		{
			"Redis", rejected.Redis,
			[]error{
				redisError("WRONGPASS invalid username-password pair or user is disabled."),
				redisError("NOAUTH Authentication required."),
			},
			[]error{
				redisError("NOPERM User app has no permissions to run the 'get' command"),
				redisError("ERR no WRONGPASS "), redisError("WRONGPASSPHRASE"), (*nilText)(nil),
			},
		},
		{
			"HTTP", rejected.HTTP,
			[]error{statusCode(401), responded(401), bothCodes{responded(401)}},
			[]error{statusCode(403), statusCode(400), responded(403), &responseError{}, (*responseError)(nil), (*statusCode)(nil)},
		},
		{
			"GRPC", rejected.GRPC,
			[]error{grpc(16), grpcAny{grpc(16).status}},
			[]error{
				grpc(7), grpc(0), &grpcError{}, (*grpcError)(nil),
				grpcAny{},
				grpcAny{16},
				grpcAny{grpcIntStatus{}},
				grpcTakesMore{},
				grpcReturnsNone{},
				grpcReturnsTwo{},
				grpcAny{grpcTakesMore{}},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			check := func(err error, want bool) {
				t.Helper()
				if got := tt.is(err); got != want {
					t.Errorf("%#v is a refusal: %v, want %v", err, got, want)
				}
			}
			inTrees := func(err error, want bool) {
				t.Helper()
				check(err, want)
				check(wrapper{err}, want)
				check(wrapper{wrapper{err}}, want)
				check(fmt.Errorf("connecting: %w", err), want)
				check(errors.Join(errors.New("first"), err, panics{}), want)
				check(fmt.Errorf("%w, %w", panics{}, wrapper{err}), want)
				check(wrapper{errors.Join(panics{}, nil, wrapper{errors.Join(err)})}, want)
			}
			for _, err := range tt.refused {
				inTrees(err, true)
				check(unwrapPanics{err}, false)
			}
			for _, err := range tt.others {
				inTrees(err, false)
				check(errors.Join(err, tt.refused[0]), true)
			}
			check(nil, false)
			check(wrapper{nil}, false)
			check(several{nil, nil}, false)
			check(errors.New("no route to host"), false)
			check(panics{}, false)
			check((*wrapper)(nil), false)

			loop := &cycle{}
			loop.errs = []error{loop, loop}
			check(loop, false)
			loop.errs = []error{loop, tt.refused[0]}
			check(loop, true)
		})
	}
}

func TestDatabaseIsAnyOfThem(t *testing.T) {
	for _, err := range []error{&pgError{"28P01"}, &MySQLError{Number: 1045}, mssqlError{18456}} {
		if !rejected.Database(fmt.Errorf("connecting: %w", err)) {
			t.Errorf("%#v is no refusal", err)
		}
	}
	for _, err := range []error{nil, redisError("NOAUTH x"), statusCode(401), grpc(16), &pgError{"42501"}} {
		if rejected.Database(err) {
			t.Errorf("%#v is a refusal", err)
		}
	}
}
