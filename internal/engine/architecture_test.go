package engine

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var updateArchitecture = flag.Bool("update-architecture", false, "write the tables of docs/architecture.md")

// TestArchitectureHasThePolicysTables: docs/architecture.md says of each state what the
// policy rules.
func TestArchitectureHasThePolicysTables(t *testing.T) {
	const page = "../../docs/architecture.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range map[string]string{"read": tableOfReads(), "forced": tableOfForced()} {
		begin, end := fmt.Sprintf("<!-- policy.%s -->\n", name), fmt.Sprintf("<!-- end of policy.%s -->", name)
		before, rest, _ := strings.Cut(want, begin)
		_, after, found := strings.Cut(rest, end)
		if !found {
			t.Fatalf("%s has no place for the table: the lines %q and %q", page, begin, end)
		}
		want = before + begin + "\n" + table + "\n" + end + after
	}
	if *updateArchitecture {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(string(text), "\n")); diff != "" {
		t.Errorf("%s (-policy +page); go test -run Architecture ./internal/engine -update-architecture writes it:\n%s", page, diff)
	}
}

// Times of the states below. All differ, and so do their differences, so that each tells
// from what the policy has computed it.
const (
	aTTL     = 100 * time.Minute
	aDue     = 70 * time.Minute
	aDelay   = 7 * time.Second
	aOwn     = 5 * time.Second
	aRenew   = 800 * time.Millisecond
	aForced  = 2 * time.Second
	aProbe   = 4 * time.Second
	aWait    = time.Second
	aTimeout = 11 * time.Second
)

var aPolicy = policy{ttl: aTTL, maxWait: aWait, fetchTimeout: aTimeout}

// A given is a part of a state, in words.
type given struct {
	words string
	set   func(*state)
}

func tableOfReads() string {
	values := []given{
		{"no value", func(*state) {}},
		{"younger than due", func(s *state) { s.hasValue, s.age = true, aDue-20*time.Minute }},
		{"due, younger than its TTL", func(s *state) { s.hasValue, s.age = true, aTTL-10*time.Minute }},
		{"past its TTL", func(s *state) { s.hasValue, s.age = true, aTTL+time.Minute }},
		{"the same, and a try since then has failed", func(s *state) {
			s.hasValue, s.age, s.failed, s.isTried = true, aTTL+time.Minute, true, true
		}},
		{"invalidated", func(s *state) {
			s.hasValue, s.age, s.isInvalid, s.isAsked = true, time.Minute, true, !s.inFlight
			if !s.failed {
				s.renewIn = aRenew
			}
		}},
	}
	columns := []given{
		{"nothing runs", func(*state) {}},
		{"a back-off delay runs", func(s *state) { s.failed, s.delay, s.isRefusal, s.forcedDelay = true, aDelay, true, aOwn }},
		{"a fetch is under way", func(s *state) { s.inFlight = true }},
		{"the same, for `MaxRefreshWait`", func(s *state) { s.inFlight, s.awaited = true, aWait }},
		{"the backend is down", func(s *state) { s.downIn = aProbe }},
		{"a fetch waits for the backend's pace, or is a probe", func(s *state) { s.inFlight, s.isHeld = true, true }},
		{"a fetch and a delay", func(s *state) { s.inFlight, s.failed, s.delay = true, true, aDelay }},
	}
	var b strings.Builder
	headOf(&b, "a read of a value that is", columns)
	for _, v := range values {
		rowOf(&b, v.words)
		for _, column := range columns {
			s := state{due: aDue}
			column.set(&s)
			v.set(&s)
			fmt.Fprintf(&b, " %s |", wordsOf(aPolicy.read(s, false), s))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func tableOfForced() string {
	refusal := func(own time.Duration) func(*state) {
		return func(s *state) {
			s.failed, s.isRefusal, s.delay, s.forcedDelay = true, true, aDelay, own
		}
	}
	soon := func(s *state) { s.forcedIn = aForced }
	rows := []given{
		{"a fetch is under way", func(s *state) { s.inFlight = true }},
		{"the backend is down", func(s *state) { s.downIn = aProbe }},
		{"the same, a probe has failed since the call", func(s *state) { s.downIn, s.isProbed = aProbe, true }},
		{"it is up, and a delay of a fetch without an answer runs", func(s *state) { s.failed, s.delay = true, aDelay }},
		{"a delay of a refusal runs, and the user's own", refusal(aOwn)},
		{"a delay of a refusal runs, the user's own is over", refusal(0)},
		{"within `MinRefreshInterval` of the last forced fetch, the value is good", soon},
		{"the same, that fetch failed, its delay is over", func(s *state) { soon(s); s.failed = true }},
		{"the same, the value is invalidated", func(s *state) { soon(s); s.isInvalid, s.isAsked, s.renewIn = true, true, aRenew }},
		{"otherwise", func(*state) {}},
	}
	var b strings.Builder
	headOf(&b, "a forced read, when", []given{{words: "`renewal`: Refresh"}, {words: "`recent`: Do and the pools"}})
	row := func(words string, of func(kind) ruling, s state) {
		rowOf(&b, words)
		for _, asks := range []kind{renewal, recent} {
			fmt.Fprintf(&b, " %s |", wordsOf(of(asks), s))
		}
		b.WriteByte('\n')
	}
	for _, given := range rows {
		s := state{hasValue: true, age: time.Minute, due: aDue}
		given.set(&s)
		row(given.words, func(asks kind) ruling { return aPolicy.forced(s, asks, false) }, s)
	}
	return b.String()
}

func headOf(b *strings.Builder, first string, columns []given) {
	fmt.Fprintf(b, "| %s |", first)
	for _, column := range columns {
		fmt.Fprintf(b, " %s |", column.words)
	}
	b.WriteString("\n|" + strings.Repeat(" --- |", 1+len(columns)) + "\n")
}

func rowOf(b *strings.Builder, words string) { fmt.Fprintf(b, "| %s |", words) }

// wordsOf says what a ruling is, and from what its times are computed.
func wordsOf(r ruling, s state) string {
	names := [...]string{absent: "absent", refused: "refused", fresh: "fresh", expired: "expired", stale: "stale"}
	words := "**" + names[r.verdict] + "**"
	if r.lookIn > 0 {
		words += " " + momentOf(r.lookIn, s)
	}
	switch {
	case r.fetchIn == never:
	case r.fetchIn <= 0:
		words += "; fetch now"
	default:
		words += "; fetch " + strings.Replace(momentOf(r.fetchIn, s), "until", "at", 1)
	}
	return words
}

func momentOf(d time.Duration, s state) string {
	switch d {
	case s.due - s.age:
		return "until due"
	case aTTL - s.age:
		return "until its TTL"
	case s.delay:
		return "until the delay's end"
	case aOwn:
		return "until the user's own delay's end"
	case aProbe:
		return "until the next probe"
	case aTimeout:
		return "for `FetchTimeout`"
	case aRenew, aForced:
		return "until the interval's end"
	}
	return d.String()
}
