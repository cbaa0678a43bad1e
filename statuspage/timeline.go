package statuspage

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A mark is an event on a timeline. X and Width are in hundredths of the timeline's width.
type mark struct {
	Kind     kind
	X, Width string
	IsSpan   bool
	Title    string
}

// above orders kinds from the ground up: what matters more covers what is common.
var above = map[kind]int{fetched: 0, failed: 1, servedStale: 2, undecodable: 3, rejected: 3, rotated: 4}

// timeline returns the marks of the events, in the order in which they are drawn.
func timeline(events []event, now time.Time, window time.Duration) []mark {
	place := func(t time.Time) float64 {
		before := min(max(now.Sub(t), 0), window)
		return 100 * (1 - float64(before)/float64(window))
	}
	var marks []mark
	for _, e := range events {
		if now.Sub(e.end()) > window {
			continue
		}
		from, to := place(e.At), place(e.end())
		marks = append(marks, mark{
			Kind: e.Kind, X: fmt.Sprintf("%.2f", from), Width: fmt.Sprintf("%.2f", to-from),
			IsSpan: to-from > 1, Title: e.tell(now),
		})
	}
	slices.SortStableFunc(marks, func(a, b mark) int { return above[a.Kind] - above[b.Kind] })
	return marks
}

// said is what each kind of event is called.
var said = map[kind]string{
	fetched: "fetched", rotated: "rotated", failed: "fetch failed", servedStale: "stale value given out",
	undecodable: "does not decode", rejected: "refused by a service",
}

// tell says the event in a few words.
func (e event) tell(now time.Time) string {
	text := said[e.Kind]
	if n := e.times(); n > 1 {
		text += fmt.Sprintf(" %d times", n)
	}
	if e.Class != "" {
		text += " (" + e.Class + ")"
	}
	if e.Kind == rotated {
		text += " to " + short(e.Version)
	}
	if !e.Last.IsZero() {
		text += ", first " + ago(now, e.At) + ", last"
	} else {
		text += ","
	}
	return text + " " + ago(now, e.end())
}

// describe says a whole timeline for those who don't see it.
func describe(events []event, now time.Time, window time.Duration) string {
	times := map[kind]int{}
	last := map[kind]time.Time{}
	for _, e := range events {
		if now.Sub(e.end()) > window {
			continue
		}
		if times[e.Kind] += e.times(); e.Kind == rotated {
			times[fetched] += e.times()
		}
		last[e.Kind] = e.end()
	}
	text := []string{"In the last " + span(window) + ": " + count(times[fetched], "fetch", "fetches")}
	for _, k := range []struct {
		kind      kind
		one, many string
	}{
		{rotated, "rotation", "rotations"},
		{failed, "failure", "failures"},
		{servedStale, "stale value", "stale values"},
		{undecodable, "undecodable version", "undecodable versions"},
		{rejected, "refused credential", "refused credentials"},
	} {
		if n := times[k.kind]; n > 0 {
			text = append(text, count(n, k.one, k.many)+", the last "+ago(now, last[k.kind]))
		}
	}
	return strings.Join(text, "; ") + "."
}
