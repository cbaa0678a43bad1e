package drivers_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"
	mssql "github.com/microsoft/go-mssqldb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/typedsecret/typedsecret/rejected"
)

func response(code int) error {
	return &smithy.OperationError{
		ServiceID: "S3", OperationName: "GetObject",
		Err: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}},
			Err:      errors.New("denied"),
		},
	}
}

func TestRefusalsOfRealClientsAreKnown(t *testing.T) {
	predicates := map[string]func(error) bool{
		"PostgreSQL": rejected.PostgreSQL,
		"MySQL":      rejected.MySQL,
		"SQLServer":  rejected.SQLServer,
		"Redis":      rejected.Redis,
		"HTTP":       rejected.HTTP,
		"GRPC":       rejected.GRPC,
	}
	for _, tt := range []struct {
		name string
		err  error
		want string // the one predicate that holds, or ""
	}{
		{"pgx, wrong password", &pgconn.PgError{Code: "28P01"}, "PostgreSQL"},
		{"pgx, no such role", &pgconn.PgError{Code: "28000"}, "PostgreSQL"},
		{"pgx, too many connections", &pgconn.PgError{Code: "53300"}, ""},
		{"pgx, nil", (*pgconn.PgError)(nil), ""},
		{"pgx, an empty ConnectError", &pgconn.ConnectError{}, ""},

		{"pq, wrong password", &pq.Error{Code: "28P01"}, "PostgreSQL"},
		{"pq, no such role", &pq.Error{Code: "28000"}, "PostgreSQL"},
		{"pq, no privilege", &pq.Error{Code: "42501"}, ""},
		{"pq, nil", (*pq.Error)(nil), ""},

		{"mysql, access denied", &mysql.MySQLError{Number: 1045, SQLState: [5]byte{'2', '8', '0', '0', '0'}}, "MySQL"},
		{"mysql, no such database for the user", &mysql.MySQLError{Number: 1044}, ""},
		{"mysql, nil", (*mysql.MySQLError)(nil), ""},

		{"mssql, login failed", mssql.Error{Number: 18456}, "SQLServer"},
		{"mssql, login failed, by pointer", &mssql.Error{Number: 18456}, "SQLServer"},
		{"mssql, deadlock", mssql.Error{Number: 1205}, ""},
		{"mssql, nil", (*mssql.Error)(nil), ""},
		{"mssql, an empty ServerError", mssql.ServerError{}, ""},

		{"grpc, unauthenticated", status.Error(codes.Unauthenticated, "token expired"), "GRPC"},
		{"grpc, permission denied", status.Error(codes.PermissionDenied, "no"), ""},

		{"smithy, 401", response(http.StatusUnauthorized), "HTTP"},
		{"smithy, 403", response(http.StatusForbidden), ""},
		{"smithy, no response", &smithyhttp.ResponseError{}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, err := range []error{
				tt.err,
				fmt.Errorf("connecting: %w", tt.err),
				errors.Join(errors.New("first"), tt.err),
			} {
				for name, is := range predicates {
					if got := is(err); got != (name == tt.want) {
						t.Errorf("%s says %v of %T", name, got, err)
					}
				}
				database := tt.want == "PostgreSQL" || tt.want == "MySQL" || tt.want == "SQLServer"
				if got := rejected.Database(err); got != database {
					t.Errorf("Database says %v of %T", got, err)
				}
			}
		})
	}
}
