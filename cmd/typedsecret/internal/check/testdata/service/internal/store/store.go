// Package store has a handle on a type that it does not export.
package store

import "github.com/typedsecret/typedsecret"

type settings struct {
	Host string `json:"host"`
}

// New returns the handle.
func New(set *typedsecret.Set) typedsecret.Handle {
	return typedsecret.New[settings]("store", typedsecret.WithSet(set))
}
