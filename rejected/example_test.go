package rejected_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/typedsecret/typedsecret/internal/fakedb"
	"github.com/typedsecret/typedsecret/rejected"
)

func ExamplePostgreSQL() {
	server := fakedb.New() // in place of PostgreSQL
	server.SetPassword("app", "the new password")

	db := sql.OpenDB(server.Connector("app", "the old password"))
	defer db.Close()
	err := db.PingContext(context.Background())
	fmt.Println(err)
	fmt.Println("fetch the secret anew:", rejected.PostgreSQL(err))

	server.Fail(errors.New("connection refused"))
	err = db.PingContext(context.Background())
	fmt.Println(err)
	fmt.Println("fetch the secret anew:", rejected.PostgreSQL(err))
	// Output:
	// password authentication failed for user "app"
	// fetch the secret anew: true
	// connection refused
	// fetch the secret anew: false
}

// A program's own function recognises the error of another service. It can be joined with
// those of this package.
func Example() {
	errKeyRevoked := errors.New("key revoked")
	refused := func(err error) bool {
		return rejected.HTTP(err) || rejected.GRPC(err) || errors.Is(err, errKeyRevoked)
	}
	fmt.Println(refused(fmt.Errorf("calling the service: %w", errKeyRevoked)))
	fmt.Println(refused(errors.New("no route to host")))
	// Output:
	// true
	// false
}

// The errors of drivers are known by their shape. These have that of go-sql-driver's,
// go-mssqldb's and go-redis's.
func ExampleMySQL() {
	fmt.Println(rejected.MySQL(&MySQLError{Number: 1045}))
	fmt.Println(rejected.MySQL(&MySQLError{Number: 1044}))
	// Output:
	// true
	// false
}

func ExampleSQLServer() {
	fmt.Println(rejected.SQLServer(mssqlError{18456}))
	// Output: true
}

func ExampleRedis() {
	fmt.Println(rejected.Redis(errors.New("WRONGPASS invalid username-password pair or user is disabled.")))
	fmt.Println(rejected.Redis(errors.New("NOPERM this user has no permissions to run the 'get' command")))
	// Output:
	// true
	// false
}

// A program with several databases says it once.
func ExampleDatabase() {
	fmt.Println(rejected.Database(&MySQLError{Number: 1045}))
	fmt.Println(rejected.Database(mssqlError{18456}))
	// Output:
	// true
	// true
}
