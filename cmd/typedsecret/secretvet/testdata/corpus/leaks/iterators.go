package leaks

import (
	"context"
	"corpus/config"
	"fmt"
	"iter"
	"log"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
)

func sortedValues(ctx context.Context) {
	m, _ := settings.Get(ctx)
	log.Println(slices.Sorted(maps.Values(m))) // want `slices.Sorted\(maps.Values\(m\)\) holds`
}

func sortedByLength(ctx context.Context) {
	m, _ := settings.Get(ctx)
	all := slices.SortedFunc(maps.Values(m), func(a, b string) int { return len(a) - len(b) })
	log.Println(all[0]) // want `all\[0\] holds`
}

// sessions has tokens as its keys.
func sessions(ctx context.Context) map[string]int {
	t, _ := token.Get(ctx)
	return map[string]int{t: 1}
}

func secretKeys(ctx context.Context) {
	for k := range sessions(ctx) {
		log.Println("session", k) // want `k holds`
	}
}

func wholeMap(ctx context.Context) {
	slog.Info("sessions", "all", sessions(ctx)) // want `sessions\(ctx\) holds`
}

func sortedKeys(ctx context.Context) {
	log.Println(slices.Sorted(maps.Keys(sessions(ctx)))) // want `holds`
}

func assignedKey(ctx context.Context) {
	seen := map[string]bool{}
	t, _ := token.Get(ctx)
	seen[t] = true
	for k := range maps.Keys(seen) {
		log.Println(k) // want `k holds`
	}
}

func bothOfAll(ctx context.Context) {
	m, _ := settings.Get(ctx)
	for k, v := range maps.All(m) {
		log.Printf("%s=%s", k, v) // want `v holds`
	}
}

func invertedMap(ctx context.Context) {
	m, _ := settings.Get(ctx)
	inverted := map[string]string{}
	for k, v := range m {
		inverted[v] = k
	}
	for v, k := range inverted {
		log.Println(k, "is", v) // want `v holds`
	}
}

func copiedMap(ctx context.Context) {
	m, _ := settings.Get(ctx)
	all := map[string]string{"region": "eu-west-1"}
	maps.Copy(all, m)
	log.Println(all) // want `all holds`
}

func collectedMap(ctx context.Context) {
	m, _ := settings.Get(ctx)
	log.Println(maps.Collect(maps.All(m))) // want `holds`
}

func insertedInMap(ctx context.Context) {
	all := map[string]string{}
	maps.Insert(all, config.Tokens(ctx))
	log.Println(all["a"]) // want `holds`
}

func sliceValues(ctx context.Context) {
	c, _ := db.Get(ctx)
	for s := range slices.Values([]string{c.User, c.Password}) {
		fmt.Println(s) // want `s holds`
	}
}

func backward(ctx context.Context) {
	c, _ := db.Get(ctx)
	for i, s := range slices.Backward([]string{c.User, c.Password}) {
		fmt.Println(i, s) // want `s holds`
	}
}

func appended(ctx context.Context) {
	m, _ := settings.Get(ctx)
	args := slices.AppendSeq([]string{"connect"}, maps.Values(m))
	log.Println(args) // want `args holds`
}

func chunks(ctx context.Context) {
	m, _ := settings.Get(ctx)
	for c := range slices.Chunk(slices.Collect(maps.Values(m)), 10) {
		log.Println(c) // want `c holds`
	}
}

func splitSeq(ctx context.Context) {
	t, _ := token.Get(ctx)
	for part := range strings.SplitSeq(t, ".") {
		log.Println(part) // want `part holds`
	}
}

func pulled(ctx context.Context) {
	next, stop := iter.Pull(tokens(ctx))
	defer stop()
	if t, ok := next(); ok {
		log.Println(t) // want `t holds`
	}
}

func pulledPairs(ctx context.Context) {
	next, stop := iter.Pull2(config.Tokens(ctx))
	defer stop()
	n, t, _ := next()
	log.Println(n, "has", t) // want `t holds`
}

// filtered and converted are what programs write themselves.
func filtered[T any](seq iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for v := range seq {
			if keep(v) && !yield(v) {
				return
			}
		}
	}
}

func converted[T, U any](seq iter.Seq[T], f func(T) U) iter.Seq[U] {
	return func(yield func(U) bool) {
		seq(func(v T) bool { return yield(f(v)) })
	}
}

func ownFilter(ctx context.Context) {
	for t := range filtered(tokens(ctx), func(s string) bool { return s != "" }) {
		log.Println(t) // want `t holds`
	}
}

func ownConversion(ctx context.Context) {
	for b := range converted(tokens(ctx), func(s string) []byte { return []byte(s) }) {
		log.Printf("%s", b) // want `b holds`
	}
}

func filterShows(ctx context.Context) {
	for range filtered(tokens(ctx), func(s string) bool {
		log.Println(s) // want `s holds`
		return true
	}) {
	}
}

type vault struct{ m map[string]string }

func (v *vault) each(yield func(string, string) bool) {
	for k, s := range v.m {
		if !yield(k, s) {
			return
		}
	}
}

func methodAsIterator(ctx context.Context) {
	m, _ := settings.Get(ctx)
	v := &vault{m}
	for k, s := range v.each {
		log.Println(k, s) // want `s holds`
	}
}

func printAll(seq iter.Seq[string]) {
	for s := range seq {
		log.Println(s)
	}
}

func iteratorAsArgument(ctx context.Context) {
	printAll(tokens(ctx)) // want `tokens\(ctx\) holds`
}

func iteratorOfOtherPackage(ctx context.Context) {
	for n, t := range config.Tokens(ctx) {
		log.Println(n, t) // want `t holds`
	}
}

func syncMapRange(ctx context.Context) {
	var m sync.Map
	t, _ := token.Get(ctx)
	m.Store("main", t)
	m.Range(func(k, v any) bool {
		log.Println(k, v) // want `v holds`
		return true
	})
}

func earlyReturn(ctx context.Context) string {
	for t := range tokens(ctx) {
		return t
	}
	return ""
}

func returnedFromLoop(ctx context.Context) {
	log.Println(earlyReturn(ctx)) // want `holds`
}
