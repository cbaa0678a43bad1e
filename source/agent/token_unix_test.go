//go:build unix

package agent_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
)

func TestATokenFileThatIsANamedPipeHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, agent.Config{TokenFile: path}).Fetch(t.Context(), secret.Ref{ID: "db"}); !errors.Is(err, secret.ErrAccessDenied) {
		t.Errorf("got %v", err)
	}
}
