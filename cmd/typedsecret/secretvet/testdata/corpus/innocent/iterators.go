package innocent

import (
	"context"
	"corpus/config"
	"iter"
	"log"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/typedsecret/typedsecret"
)

var settings = typedsecret.New[map[string]string]("prod/settings")

func sortedKeys(ctx context.Context) {
	m, _ := settings.Get(ctx)
	log.Println("settings", slices.Sorted(maps.Keys(m)))
}

func rangedKeys(ctx context.Context) {
	m, _ := settings.Get(ctx)
	for k := range maps.Keys(m) {
		log.Println("setting", k)
	}
	for k, v := range maps.All(m) {
		log.Println("setting", k, "of", len(v), "bytes")
	}
}

func keysOfMade(ctx context.Context) {
	t, _ := token.Get(ctx)
	m := map[string]string{"token": t}
	m["other"] = t
	keys := slices.Collect(maps.Keys(m))
	log.Println(len(m), keys, strings.Join(keys, ", "))
}

// hits has tokens as its keys.
func hits(ctx context.Context) map[string]int {
	t, _ := token.Get(ctx)
	return map[string]int{t: 1}
}

func valuesOfSecretKeys(ctx context.Context) {
	m := hits(ctx)
	total := 0
	for _, n := range m {
		total += n
	}
	log.Println("total", total, slices.Sorted(maps.Values(m)))
}

type user struct{ name string }

func usersByToken(ctx context.Context) {
	t, _ := token.Get(ctx)
	users := map[string]user{}
	users[t] = user{"app"}
	for _, u := range users {
		log.Println("user", u.name)
	}
	for u := range maps.Values(users) {
		log.Println(u)
	}
	log.Println(users["x"].name)
}

func lookedUp(ctx context.Context, names map[string]string) {
	t, _ := token.Get(ctx)
	log.Println("the token belongs to", names[t])
}

func indexes(ctx context.Context) {
	c, _ := db.Get(ctx)
	for i := range slices.All([]string{c.User, c.Password}) {
		log.Println("part", i)
	}
}

func namesOfOtherPackage(ctx context.Context) {
	for n := range config.Tokens(ctx) {
		log.Println("token", n)
	}
	for n := range config.Names() {
		log.Println(n)
	}
}

func pulledName(ctx context.Context) {
	next, stop := iter.Pull2(config.Tokens(ctx))
	defer stop()
	n, t, ok := next()
	log.Println(n, ok, len(t))
}

func lengths(seq iter.Seq[string]) iter.Seq[int] {
	return func(yield func(int) bool) {
		for s := range seq {
			if !yield(len(s)) {
				return
			}
		}
	}
}

func ownIterator(ctx context.Context) {
	m, _ := settings.Get(ctx)
	for n := range lengths(maps.Values(m)) {
		log.Println("a setting of", n)
	}
}

func syncMapKeys(ctx context.Context) {
	var m sync.Map
	t, _ := token.Get(ctx)
	m.Store("main", t)
	m.Range(func(k, _ any) bool {
		log.Println("have", k)
		return true
	})
}

func syncMapValues(ctx context.Context) {
	var m sync.Map
	t, _ := token.Get(ctx)
	m.Store(t, "main")
	if name, ok := m.Load(t); ok {
		log.Println("token of", name)
	}
}

func withoutSome(ctx context.Context) {
	k, _ := token.Get(ctx)
	all := []tenant{{"a", k, true}, {"b", k, false}}
	all = slices.DeleteFunc(all, func(t tenant) bool { return !t.healthy })
	all = slices.Insert(all, 0, tenant{"c", k, true})
	log.Println("first", all[0].name, slices.MaxFunc(all, byName).name)
}

func byName(a, b tenant) int { return strings.Compare(a.name, b.name) }

func sortedNames(ctx context.Context) {
	k, _ := token.Get(ctx)
	all := map[string]tenant{"a": {"a", k, true}}
	for _, t := range slices.SortedFunc(maps.Values(all), byName) {
		log.Println(t.name)
	}
}

func copiedKeys(ctx context.Context) {
	m, _ := settings.Get(ctx)
	all := map[string]string{}
	maps.Copy(all, m)
	for k := range all {
		log.Println(k)
	}
}
