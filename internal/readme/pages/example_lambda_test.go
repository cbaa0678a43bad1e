package pages_test

import (
	"context"

	"github.com/typedsecret/typedsecret"
)

// A package variable lives as long as the execution environment, so a warm
// invocation reads from memory.
var apiKey = typedsecret.New[string]("prod/api-key")

// Handle is what lambda.Start is given.
func Handle(ctx context.Context, _ struct{}) (string, error) {
	key, err := apiKey.Get(ctx)
	if err != nil {
		return "", err
	}
	return call(ctx, key)
}

func call(context.Context, string) (string, error) { return "", nil }

var _ = Handle
