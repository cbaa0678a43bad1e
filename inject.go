package typedsecret

import (
	"context"
	"errors"
)

// Inject turns f, which needs a secret, into a function without that argument: each call
// gets the present value of s and passes it to f. It replaces the decorators
// InjectSecretString and InjectKeywordedSecretString of the AWS caching client for Python.
// In place of keyword arguments, T has fields, which the compiler checks. A key that the
// secret lacks is an error that names the key.
//
// If Get fails, the function returns its error
// without calling f.
func Inject[T, A, R any](s Getter[T], f func(context.Context, T, A) (R, error)) func(context.Context, A) (R, error) {
	return func(ctx context.Context, arg A) (R, error) {
		var zero R
		if f == nil {
			return zero, errors.New("typedsecret: the function given to Inject is nil")
		}
		if s == nil {
			return zero, ErrZeroHandle
		}
		v, err := s.Get(ctx)
		if err != nil {
			return zero, err
		}
		return f(ctx, v, arg)
	}
}
