package chaos

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/bench/internal/table"
)

// A Report sums up the results of sequences.
type Report struct {
	Sequences int
	Faults    map[string]int // the number of injected faults, by kind
	Checks    map[string]int // the number of checks, by promise
	Survived  map[string]int // faults in the sequences in which a promise was checked, by promise

	// These fields are about the first sequence in which a promise was broken.
	Failed     int // its number; -1 means there is none
	Violations []string
	Trace      []string
}

// NewReport returns an empty Report.
func NewReport() *Report {
	return &Report{Faults: map[string]int{}, Checks: map[string]int{}, Survived: map[string]int{}, Failed: -1}
}

// Run plays n sequences of a seed, beginning with the number from. It stops when one breaks
// a promise.
func Run(t *testing.T, seed uint64, from, n int, mutated Mutation) *Report {
	rep := NewReport()
	for i := from; i < from+n && rep.Failed < 0; i++ {
		res := Play(t, seed, i, mutated)
		rep.add(i, res)
	}
	return rep
}

func (rep *Report) add(i int, res *Result) {
	rep.Sequences++
	sum := 0
	for kind, n := range res.Faults {
		rep.Faults[kind] += n
		sum += n
	}
	for promise, n := range res.Checks {
		rep.Checks[promise] += n
		rep.Survived[promise] += sum
	}
	if len(res.Violations) > 0 {
		rep.Failed, rep.Violations, rep.Trace = i, res.Violations, res.Trace()
	}
}

// Join adds the numbers of another Report.
func (rep *Report) Join(other *Report) {
	rep.Sequences += other.Sequences
	for _, maps := range [][2]map[string]int{{rep.Faults, other.Faults}, {rep.Checks, other.Checks}, {rep.Survived, other.Survived}} {
		for k, n := range maps[1] {
			maps[0][k] += n
		}
	}
	if other.Failed >= 0 && (rep.Failed < 0 || other.Failed < rep.Failed) {
		rep.Failed, rep.Violations, rep.Trace = other.Failed, other.Violations, other.Trace
	}
}

// String returns tables of the faults and the checks.
func (rep *Report) String() string {
	injected := &table.Table{Head: []string{"fault", "injected"}}
	sum := 0
	for _, kind := range sortedKeys(rep.Faults) {
		injected.Add(kind, table.Number(float64(rep.Faults[kind])))
		sum += rep.Faults[kind]
	}
	injected.Add("in all", table.Number(float64(sum)))
	promises := &table.Table{Head: []string{"promise", "checks", "faults survived"}}
	for _, p := range Promises {
		promises.Add(p, table.Number(float64(rep.Checks[p])), table.Number(float64(rep.Survived[p])))
	}
	return injected.String() + "\n" + promises.String()
}

// Failure describes the sequence that broke a promise, and how to replay it.
func (rep *Report) Failure(seed uint64) string {
	const before, after = 40, 5
	trace := rep.Trace
	if i := slices.IndexFunc(trace, func(line string) bool { return strings.Contains(line, broken) }); i >= 0 {
		trace = trace[max(0, i-before):min(len(trace), i+after)]
	}
	return fmt.Sprintf("sequence %d of seed %d broke a promise:\n  %s\nThat part of its trace:\n  %s\nReplay: go run ./cmd/chaos -seed %d -from %d -n 1 -v\n",
		rep.Failed, seed, strings.Join(rep.Violations, "\n  "), strings.Join(trace, "\n  "), seed, rep.Failed)
}
