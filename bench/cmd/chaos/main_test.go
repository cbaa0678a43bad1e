package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestASeedReplaysExactly asks the command itself: the race detector, which a test may
// run under, changes at random who runs first.
func TestASeedReplaysExactly(t *testing.T) {
	command := filepath.Join(t.TempDir(), "chaos")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	traces := func(from string) []string {
		out, err := exec.CommandContext(t.Context(), command, "-seed", "2", "-from", from, "-n", "25", "-v").Output()
		if err != nil {
			t.Fatal(err)
		}
		traces, _, found := strings.Cut(string(out), "\n| fault")
		if !found {
			t.Fatalf("there is no report in\n%s", out)
		}
		return strings.Split(traces, "\n")
	}
	for _, from := range []string{"0", "1000"} {
		first, second := traces(from), traces(from)
		for i := range min(len(first), len(second)) {
			if first[i] != second[i] {
				t.Fatalf("line %d of the traces from sequence %s on:\n%s\n%s", i, from, first[i], second[i])
			}
		}
		if len(first) != len(second) || len(first) < 1000 {
			t.Errorf("%d and %d lines", len(first), len(second))
		}
	}
}
