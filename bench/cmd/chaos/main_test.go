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
// ms, as a busy machine often does. So it suffices that two of ten replays are the same: if
// the order depended on anything else, no two replays would have the same thousands of
// lines.
func TestASeedReplaysExactly(t *testing.T) {
	command := filepath.Join(t.TempDir(), "chaos")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, from := range []string{"0", "1000"} {
		t.Run(from, func(t *testing.T) {
			var before []string
			for range 10 {
				trace := replay(t, command, from)
				if slices.Contains(before, trace) {
					return
				}
				before = append(before, trace)
			}
			first, second := strings.Split(before[0], "\n"), strings.Split(before[1], "\n")
			i := 0
			for i < min(len(first), len(second))-1 && first[i] == second[i] {
				i++
			}
			t.Errorf("no two of ten replays are the same; the first two differ in line %d:\n%s\n%s", i, first[i], second[i])
		})
	}
}

// replay returns the traces of 25 sequences.
func replay(t *testing.T, command, from string) string {
	out, err := exec.CommandContext(t.Context(), command, "-seed", "2", "-from", from, "-n", "25", "-v").Output()
	if err != nil {
		t.Fatal(err)
	}
	trace, _, found := strings.Cut(string(out), "\n| fault")
	if n := strings.Count(trace, "\n"); !found || n < 1000 {
		t.Fatalf("the traces have %d lines, and a report: %t", n, found)
	}
	return trace
}
