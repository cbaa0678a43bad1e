package typedsecret

import (
	"context"
	"errors"
)

// Inject makes of f, which needs a secret, a function that doesn't: each call
// gets the present value of s and gives it to f. It is what the decorators
// InjectSecretString and InjectKeywordedSecretString are in the AWS caching
// client for Python; the keyword arguments are the fields of T, which the compiler
// checks, and a key that the secret lacks is an error that names it.
//
// Errors of Get are returned as they are, without f being called.
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
