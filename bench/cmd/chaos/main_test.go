package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestASeedReplaysExactly runs the command itself, since under the race detector the order
// of goroutines is random. The order also changes if the machine stops the process for 10
// ms. So on a busy machine, only three replays of five have to be the same.
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
		if len(first) < 1000 {
			t.Errorf("from sequence %s on there are %d lines", from, len(first))
		}
		if slices.Equal(first, second) {
			continue
		}
		all := [][]string{first, second, traces(from), traces(from), traces(from)}
		if !slices.ContainsFunc(all[:3], func(one []string) bool {
			return len(slices.DeleteFunc(slices.Clone(all), func(other []string) bool { return !slices.Equal(one, other) })) >= 3
		}) {
			i := 0
			for i < min(len(first), len(second))-1 && first[i] == second[i] {
				i++
			}
			t.Errorf("line %d of the traces from sequence %s on:\n%s\n%s", i, from, first[i], second[i])
		}
	}
}
