package daemon

import (
	"io"
	"testing"
)

// For returns a server that a test has started. If err is not nil, the test fails. The end
// of the test closes the server.
func For[S io.Closer](t testing.TB, s S, err error) S {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
