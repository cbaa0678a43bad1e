// Package odd makes handles in ways that could lead a search astray.
package odd

import (
	"strings"

	"github.com/typedsecret/typedsecret"
)

// Variables that depend on each other, by functions.
var first, second string

func init() { first, second = one()+"x", two()+"y" }

func one() string { return strings.ToUpper(second) }
func two() string { return first }

// A wrapper that calls itself.
func again(id string, n int) *typedsecret.Secret[string] {
	if n > 0 {
		return again(id+"/deeper", n-1)
	}
	return typedsecret.New[string](id)
}

// Wrappers that call each other.
func ping(id string) *typedsecret.Secret[string] {
	pong("from-ping/" + id)
	return typedsecret.New[string](id)
}
func pong(id string) *typedsecret.Secret[string] { return ping("from-pong/" + id) }

// Options that are made of themselves.
func options(n int, opts ...typedsecret.Option) []typedsecret.Option {
	if n == 0 {
		return opts
	}
	return append(options(n-1, opts...), typedsecret.WithStage("AWSPREVIOUS"))
}

// A Set that is an element.
var (
	sets = []*typedsecret.Set{{Prefix: "of-slice/"}}
	setA = sets[0]
)

type tree[T any] struct{ kids []tree[T] }

func (t tree[T]) handle() *typedsecret.Secret[T] { return typedsecret.New[T]("tree") }

// A function value.
var make1 = again

type opener interface {
	open(id string) *typedsecret.Secret[string]
}

type byPrefix struct{ prefix string }

func (b byPrefix) open(id string) *typedsecret.Secret[string] {
	return typedsecret.New[string](b.prefix + id)
}

func main() {
	typedsecret.New[string](first + second)
	again("again", 3)
	make1("value", 1)
	ping("p")
	typedsecret.New[string]("opts", options(3, typedsecret.WithShared())...)
	typedsecret.New[string]("set", typedsecret.WithSet(setA))
	tree[int]{}.handle()
	tree[string]{}.kids[0].handle()
	var o opener = byPrefix{"dynamic/"}
	o.open("x")
	typedsecret.New[string](strings.Repeat("a", 3))
	id := "a"
	id += "b"
	typedsecret.New[string](id)
	for i := range 3 {
		id = id + string(rune('a'+i))
		typedsecret.New[string](id)
	}
}

// New itself as a value, a Set that is embedded, and one that a function changes.
var makeString = typedsecret.New[string]

type embedding struct{ typedsecret.Set }

var (
	inside  = embedding{Set: typedsecret.Set{Prefix: "embedded/"}}
	changed typedsecret.Set
)

func change(s *typedsecret.Set) { s.Prefix = "changed/" }

func more() {
	var filled struct {
		A *typedsecret.Secret[string] `secret:"a"`
	}
	makeString("unseen")
	_ = inside.Fill(&filled)
	change(&changed)
	typedsecret.New[string]("b", typedsecret.WithSet(&changed))
	byPrefix{"static/"}.open("y")
}

var _, _ = main, more
