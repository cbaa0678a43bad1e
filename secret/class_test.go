package secret_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

func TestTheClassOfAnError(t *testing.T) {
	for want, err := range map[string]error{
		"": nil, "other": errors.New("x"), "not_found": secret.ErrNotFound,
		"access_denied":  &secret.Error{Err: fmt.Errorf("%w: no", secret.ErrAccessDenied)},
		"unavailable":    fmt.Errorf("%w; before: %w", secret.ErrUnavailable, secret.ErrAccessDenied),
		"timeout":        fmt.Errorf("%w: %w", secret.ErrTimeout, context.DeadlineExceeded),
		"deadline":       context.DeadlineExceeded,
		"invalid_config": fmt.Errorf("%w: no profile", cache.ErrInvalidConfig),
	} {
		if got := secret.Class(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}

func ExampleClass() {
	err := error(&secret.Error{Ref: secret.Ref{ID: "prod/db"}, Err: secret.ErrThrottled})
	fmt.Println(secret.Class(err))
	// Output: throttled
}
