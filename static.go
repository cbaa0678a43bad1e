package typedsecret

import (
	"context"

	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// Static returns a handle on a fixed value, for tests of code that takes a handle. It is read
// like any other: Do, Watch and Preload work, and its Info has the ID and the version ID
// "static". It makes no request, and may be used in any testing/synctest bubble.
//
// All callers get value itself, so they share what it refers to. If value has a method Validate
// that refuses it, that is the error of Get.
func Static[T any](value T) *Secret[T] {
	const name = "static"
	v := secret.Value{Name: name, VersionID: name, Stages: []string{secret.CurrentStage}}
	c, err := engine.NewFixed(secret.Ref{ID: name}, v)
	set := settings{} // no other version will come that Do could wait for
	set.fail(err)
	set.cache = c
	set.codec = codec.Func(func([]byte) (T, error) { return value, nil })
	s := &Secret[T]{id: name, dec: &decoder[T]{set: set}}
	_, _ = s.Get(context.Background()) // so that Peek has it
	return s
}
