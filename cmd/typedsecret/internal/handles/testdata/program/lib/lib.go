// Package lib has functions that make handles for others.
package lib

import (
	"os"

	"github.com/typedsecret/typedsecret"
)

// Prefix is known to all.
const Prefix = "prod/"

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Port     int    `json:"port,omitempty"`
}

// Own is a handle of the library's.
var Own = typedsecret.New[DBCreds](Prefix + "lib")

// NewDB makes a handle by itself.
func NewDB(name string, opts ...typedsecret.Option) *typedsecret.Secret[DBCreds] {
	opts = append(opts, typedsecret.WithPending())
	return typedsecret.New[DBCreds](Prefix+name, opts...)
}

// Open makes a handle of any T, through another function.
func Open[T any](name string) *typedsecret.Secret[T] {
	return open[T](Prefix, name)
}

func open[T any](prefix, name string) *typedsecret.Secret[T] {
	return typedsecret.New[T](prefix + name)
}

// Unused has no callers.
func Unused(id string) *typedsecret.Secret[string] { return typedsecret.New[string](id) }

// A Repo is of any T.
type Repo[T any] struct{ stage string }

func (r Repo[T]) Handle(id string) *typedsecret.Secret[[]T] {
	return typedsecret.New[[]T](id, typedsecret.WithStage("AWSPREVIOUS"))
}

func Env(name, byDefault string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return byDefault
}
