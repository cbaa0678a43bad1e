// Package rejected says whether an error means that a service refused the
// credential that it was given: the sign that a secret has been rotated and that
// it is worth fetching it anew. Its functions are made for
// typedsecret.WithRejected.
//
// No driver is imported; errors are known by their methods, fields and texts.
// Each function looks at every error in the tree of Unwrap() error and
// Unwrap() []error. A nil error is not a refusal, and neither is one whose
// methods panic, as those of a nil pointer do.
//
// All functions are safe for concurrent use.
package rejected

import (
	"reflect"
	"slices"
	"strings"
)

// PostgreSQL reports an error with a method SQLState() string that returns
//
//   - 28P01, invalid_password: the password is wrong or the user doesn't exist;
//   - 28000, invalid_authorization_specification: the user doesn't exist any
//     more, may not log in, or pg_hba.conf has no line for it, perhaps because it requires TLS;
//   - 08P01, protocol_violation, if the text is PgBouncer's answer to a refused login:
//     "authentication failed", "no such user" or "not permitted to log in". The answer
//     "server login has been failing" counts too: PgBouncer gives it for server_login_retry
//     after PostgreSQL refused PgBouncer's own login for the user. PgBouncer 1.24 and newer
//     cite the cause, which must be one of the three. In older versions the answer may hide
//     an outage of PostgreSQL.
//
// The codes are from "PostgreSQL Error Codes" in PostgreSQL's manual, the texts from what
// PgBouncer 1.18 and 1.25 answer. pgx's *pgconn.PgError and lib/pq's *pq.Error have the
// method.
func PostgreSQL(err error) bool {
	return anyIn(err, func(err error) bool {
		e, ok := err.(interface{ SQLState() string })
		if !ok {
			return false
		}
		switch e.SQLState() {
		case "28P01", "28000":
			return true
		case "08P01":
			return refusedByBouncer(err.Error())
		}
		return false
	})
}

// refusedByBouncer judges the text of an answer of PgBouncer, which has one code for all.
func refusedByBouncer(text string) bool {
	for _, cause := range []string{"authentication failed", "no such user", "not permitted to log in"} {
		if strings.Contains(text, cause) {
			return true
		}
	}
	return strings.Contains(text, "server login has been failing") && !strings.Contains(text, "cached error")
}

// MySQL reports these errors of MySQL and MariaDB:
//
//   - 1045, ER_ACCESS_DENIED_ERROR: the user or the password is wrong;
//   - 3118 and, in MariaDB, 4151, ER_ACCOUNT_HAS_BEEN_LOCKED: ACCOUNT LOCK was set,
//     for example on the former of two alternating users;
//   - 3955 and, in MariaDB, 4150: the account is locked after too many wrong logins;
//   - 1862, ER_MUST_CHANGE_PASSWORD_LOGIN: the password has expired.
//
// Error 1044, ER_DBACCESS_DENIED_ERROR, doesn't count: the user is known and lacks a
// privilege, so another password wouldn't help. The numbers are from "Server Error Message
// Reference" in MySQL's manual and "MariaDB Error Codes" in MariaDB's.
//
// The error is a struct, or a pointer to one, of a type named MySQLError with an unsigned
// field Number, such as go-sql-driver's *mysql.MySQLError, which has no method that returns
// the number.
func MySQL(err error) bool {
	return anyIn(err, func(err error) bool {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct || v.Type().Name() != "MySQLError" {
			return false
		}
		number := v.FieldByName("Number")
		return number.CanUint() && slices.Contains(mysqlRefusals, number.Uint())
	})
}

var mysqlRefusals = []uint64{1045, 1862, 3118, 3955, 4150, 4151}

// SQLServer reports an error with a method SQLErrorNumber() int32 that returns
// 18456, "Login failed for user", as go-mssqldb's mssql.Error has it. The number
// is from "MSSQLSERVER_18456" in the documentation of SQL Server. The server
// hides the reason from the client, so that a disabled login and a database that
// the login may not open can look the same.
func SQLServer(err error) bool {
	return anyIn(err, func(err error) bool {
		e, ok := err.(interface{ SQLErrorNumber() int32 })
		return ok && e.SQLErrorNumber() == 18456
	})
}

// Database reports what [PostgreSQL], [MySQL] or [SQLServer] reports.
func Database(err error) bool {
	return PostgreSQL(err) || MySQL(err) || SQLServer(err)
}

// Redis reports an error whose text starts with WRONGPASS (the user or the
// password is wrong) or NOAUTH (the connection has not logged in). NOPERM doesn't
// count: the user is known and lacks a permission. The words are from "ACL" and "AUTH" in
// the documentation of Redis; before Redis 6, a wrong password is an ERR like any other,
// and this function does not recognise it.
//
// The client must keep the server's text at the start of one of the tree's errors. go-redis
// does: it wraps the answer to AUTH, or returns it as it is.
func Redis(err error) bool {
	return anyIn(err, func(err error) bool {
		text := err.Error()
		return strings.HasPrefix(text, "WRONGPASS ") || strings.HasPrefix(text, "NOAUTH ")
	})
}

// HTTP reports an error with a method StatusCode() int or HTTPStatusCode() int
// that returns 401, Unauthorized (RFC 9110, section 15.5.2: the request lacks
// valid authentication credentials). The latter is in the response errors of
// AWS SDKs, smithy-go's *http.ResponseError. 403, Forbidden, doesn't count.
func HTTP(err error) bool {
	return anyIn(err, func(err error) bool {
		e, ok := err.(interface{ StatusCode() int })
		return ok && e.StatusCode() == 401
	}) || anyIn(err, func(err error) bool {
		e, ok := err.(interface{ HTTPStatusCode() int })
		return ok && e.HTTPStatusCode() == 401
	})
}

// GRPC reports an error with a method GRPCStatus() whose result has a method
// Code() that returns 16, Unauthenticated, as the errors of
// google.golang.org/grpc/status have. The number is from "Status codes and their
// use in gRPC". PermissionDenied doesn't count: by that page it must not be used
// where the caller can't be identified.
//
// grpc-go also returns this code if PerRPCCredentials fail in the client.
func GRPC(err error) bool {
	return anyIn(err, func(err error) bool {
		// The methods' types can't be named without grpc-go. Their names are
		// constants at the calls, which lets the linker drop other methods.
		status, ok := result(reflect.ValueOf(err).MethodByName("GRPCStatus"))
		if !ok {
			return false
		}
		code, ok := result(status.MethodByName("Code"))
		return ok && code.CanUint() && code.Uint() == 16
	})
}

// result calls a method that takes nothing and returns one value.
func result(method reflect.Value) (v reflect.Value, ok bool) {
	if !method.IsValid() || method.Type().NumIn() != 0 || method.Type().NumOut() != 1 {
		return v, false
	}
	return reflect.ValueOf(method.Call(nil)[0].Interface()), true // the dynamic value, if the result is an interface
}
