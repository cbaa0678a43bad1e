package fakedb

import "strconv"

// The SQLSTATEs that the server answers with, from "PostgreSQL Error Codes" in
// its manual.
const (
	invalidPassword   = "28P01"
	syntaxError       = "42601"
	activeTransaction = "25001"
	noTransaction     = "25P01"
	adminShutdown     = "57P01"
)

// An Error is an error answer of the server. Its text is PostgreSQL's, and never has a
// password in it.
type Error struct {
	code, message string
}

// Error implements error.
func (e *Error) Error() string { return e.message }

// SQLState returns the error's code. The errors of pgx and lib/pq have the same method.
func (e *Error) SQLState() string { return e.code }

// refused returns the same error for an unknown user as for a wrong password, as PostgreSQL
// does.
func refused(user string) error {
	return &Error{invalidPassword, "password authentication failed for user " + strconv.Quote(user)}
}
