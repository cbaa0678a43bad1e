package leaks

import (
	"context"
	"corpus/config"
	"io"
	"log"
	"log/slog"
)

// A source gives a value of any type.
type source[T any] interface{ value() T }

type held[T any] struct{ v T }

func (h *held[T]) value() T { return h.v }

func genericSource(ctx context.Context) {
	t, _ := token.Get(ctx)
	var s source[string] = &held[string]{t}
	log.Println(s.value()) // want `s.value\(\) holds`
}

func constrained[T any, S source[T]](s S) { log.Println(s.value()) }

func genericFunction(ctx context.Context) {
	t, _ := token.Get(ctx)
	constrained[string](&held[string]{t}) // want `holds .* in leaks.constrained`
}

// A password is implemented by a generic type alone.
type passworder interface{ password() string }

type pooled[C any] struct {
	conn     C
	passwd   string
	attempts int
}

func (p *pooled[C]) password() string { return p.passwd }

func newPooled(ctx context.Context) passworder {
	c, _ := db.Get(ctx)
	return &pooled[io.ReadWriter]{passwd: c.Password}
}

func genericImplementation(p passworder) {
	slog.Info("pool", "password", p.password()) // want `p.password\(\) holds`
}

// A sink is implemented by a generic type that shows what it is given.
type sink[T any] interface{ take(T) }

type printing[T any] struct{ name string }

func (p printing[T]) take(v T) { log.Println(p.name, v) }

func genericSink(ctx context.Context, s sink[string]) {
	t, _ := token.Get(ctx)
	s.take(t) // want `t holds the secret that token.Get gave .* reaches log.Println in sink.take`
}

func genericSinkOfSecrets(ctx context.Context, s sink[login]) {
	c, _ := db.Get(ctx)
	s.take(c) // want `c holds`
}

func genericOfOtherPackage(r config.Reader[string]) {
	log.Println(r.Read()) // want `r.Read\(\) holds`
}

// mapped has a type parameter inside another type.
type mapped[K comparable, V any] struct{ m map[K]V }

func (m mapped[K, V]) all() map[K]V { return m.m }

type lister interface{ all() map[string]string }

func genericMap(ctx context.Context) {
	c, _ := db.Get(ctx)
	var l lister = mapped[string, string]{map[string]string{"password": c.Password}}
	log.Println(l.all()) // want `l.all\(\) holds`
}
