package rejected_test

// Errors that resemble those of drivers but are not, or that misbehave.

type panics struct{}

func (panics) Error() string         { panic("Error") }
func (panics) SQLState() string      { panic("SQLState") }
func (panics) SQLErrorNumber() int32 { panic("SQLErrorNumber") }
func (panics) StatusCode() int       { panic("StatusCode") }
func (panics) HTTPStatusCode() int   { panic(nil) }
func (panics) GRPCStatus() panics    { return panics{} }
func (panics) Code() uint32          { panic("Code") }
func (panics) Unwrap() error         { panic("Unwrap") }

type unwrapPanics struct{ err error }

func (unwrapPanics) Error() string   { return "failed" }
func (unwrapPanics) Unwrap() []error { panic("Unwrap") }

type several []error

func (several) Error() string     { return "several" }
func (s several) Unwrap() []error { return s }

// A cycle can contain itself.
type cycle struct{ errs []error }

func (*cycle) Error() string     { return "cycle" }
func (c *cycle) Unwrap() []error { return c.errs }

type stateless struct{}

func (stateless) Error() string     { return "28P01" }
func (stateless) SQLState() [5]byte { return [5]byte{'2', '8', 'P', '0', '1'} }

type mysqlLike struct{ Number uint16 }

func (mysqlLike) Error() string { return "another type's error" }

// oddMySQLError returns a MySQLError whose field Number has another type.
func oddMySQLError(n int) error {
	type MySQLError struct {
		oddText
		Number int
	}
	return MySQLError{Number: n}
}

type oddText struct{}

func (oddText) Error() string { return "odd" }

type nilText struct{ text string }

func (e *nilText) Error() string { return e.text }

// bothCodes panics in one method and answers in the other.
type bothCodes struct{ *responseError }

func (bothCodes) StatusCode() int { panic("StatusCode") }

type grpcAny struct{ status any }

func (grpcAny) Error() string     { return "rpc error" }
func (e grpcAny) GRPCStatus() any { return e.status }

type grpcIntStatus struct{}

func (grpcIntStatus) Code() int { return 16 }

type grpcTakesMore struct{}

func (grpcTakesMore) Error() string              { return "rpc error" }
func (grpcTakesMore) GRPCStatus(int) *grpcStatus { return &grpcStatus{16} }
func (grpcTakesMore) Code(...int) uint32         { return 16 }

type grpcReturnsNone struct{}

func (grpcReturnsNone) Error() string { return "rpc error" }
func (grpcReturnsNone) GRPCStatus()   {}

type grpcReturnsTwo struct{}

func (grpcReturnsTwo) Error() string                    { return "rpc error" }
func (grpcReturnsTwo) GRPCStatus() (*grpcStatus, error) { return &grpcStatus{16}, nil }
