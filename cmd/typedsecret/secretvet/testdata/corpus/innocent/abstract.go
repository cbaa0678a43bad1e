package innocent

import (
	"context"
	"corpus/config"
	"log"
	"net"
)

// A source gives a value of any type.
type source[T any] interface{ value() T }

type held[T any] struct {
	v    T
	uses int
}

func (h *held[T]) value() T { h.uses++; return h.v }

func otherInstance(ctx context.Context) {
	t, _ := token.Get(ctx)
	var secret source[string] = &held[string]{v: t}
	var n source[int] = &held[int]{v: 1}
	log.Println(n.value(), len(secret.value()))
}

func constrained[T any, S source[T]](s S) { log.Println(s.value()) }

func genericFunction(ctx context.Context) {
	c, _ := db.Get(ctx)
	constrained[string](&held[string]{v: c.Host})
}

// A namer is implemented by a generic type that has a secret beside the name.
type namer interface{ nameOf() string }

type pooled[C any] struct {
	conn         C
	name, passwd string
}

func (p *pooled[C]) nameOf() string { return p.name }

func newPooled(ctx context.Context, c net.Conn) namer {
	l, _ := db.Get(ctx)
	return &pooled[net.Conn]{c, "main", l.Password}
}

func genericName(ctx context.Context, c net.Conn) { log.Println("pool", newPooled(ctx, c).nameOf()) }

// A sink is implemented by a generic type that shows only how often it was used.
type sink[T any] interface{ take(T) }

type counting[T any] struct{ n int }

func (c *counting[T]) take(T) { c.n++; log.Println(c.n, "taken") }

func genericSink(ctx context.Context, s sink[string]) {
	t, _ := token.Get(ctx)
	s.take(t)
}

func otherReader(r config.Reader[int]) { log.Println(r.Read()) }

// A sized has the methods of no source of text.
type sized interface{ size() int }

type kept[T any] struct{ v T }

func (k kept[T]) value() T { return k.v }

func otherField(ctx context.Context) {
	t, _ := token.Get(ctx)
	secret, version := kept[string]{t}, kept[string]{"v1"}
	log.Println(version.value(), len(secret.value()))
}

type text[T ~string | ~[]byte] struct{ v T }

func (t text[T]) size() int { return len(t.v) }

func genericSize(ctx context.Context) {
	t, _ := token.Get(ctx)
	var s sized = text[string]{t}
	log.Println(s.size())
}
