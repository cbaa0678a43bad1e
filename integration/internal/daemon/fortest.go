package daemon

import (
	"io"
	"testing"
)

// For returns a server that a test has started: the test fails if that did not work, and
// closes it at its end.
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
