package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/cmd/typedsecret/internal/corpus"
)

const repository = "../../../.."

// TestBothWays runs the command by itself and by go vet, which hands facts from package to
// package in files. Both find the same.
func TestBothWays(t *testing.T) {
	dir := corpus.Module(t, repository, "../../secretvet/testdata/corpus")
	tool := filepath.Join(t.TempDir(), "secretvet")
	corpus.Go(t, ".", "build", "-o", tool, ".")

	alone := run(t, dir, tool, "./...")
	vet := run(t, dir, "go", "vet", "-vettool="+tool, "./...")
	if len(alone) < 50 {
		t.Errorf("found by itself: %d leaks, want at least 50", len(alone))
	}
	for f := range alone {
		if !vet[f] {
			t.Errorf("go vet misses %s", f)
		}
	}
	for f := range vet {
		if !alone[f] {
			t.Errorf("only go vet finds %s", f)
		}
	}
}

// run returns the findings that a command prints, which must fail because of them.
func run(t *testing.T, dir, name string, args ...string) map[string]bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("%s %v: exit 0", name, args)
	}
	found := map[string]bool{}
	for l := range strings.Lines(string(out)) {
		if i := strings.Index(l, "leaks/"); i >= 0 && strings.Contains(l, " reaches ") {
			found[strings.TrimSpace(l[i:])] = true
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s %v found nothing:\n%s", name, args, out)
	}
	return found
}
