// Package local is what the sources without a service behind them have in common: one
// version of each secret, the current one.
package local

import (
	"context"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/typedsecret/typedsecret/cache"
)

// Check reports why a fetch of ref can't even begin: ctx is done, or ref asks for a
// version that what, such as "a file", doesn't have.
func Check(ctx context.Context, ref cache.Ref, what string) error {
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", cache.ErrTimeout, err)
	case err != nil:
		return fmt.Errorf("the fetch was cancelled: %w", err)
	}
	if ref.VersionID != "" || ref.Stage != "" && ref.Stage != cache.DefaultStage {
		return fmt.Errorf("%w: %s has the current version alone; leave the version ID and the stage out", cache.ErrNotFound, what)
	}
	return nil
}

// Payload makes a SecretString of what is text, and a SecretBinary of all else.
func Payload(data []byte) cache.Payload {
	if utf8.Valid(data) {
		return cache.StringPayload(string(data))
	}
	return cache.BinaryPayload(data)
}

// Names returns the names that id may mean: itself; of an ARN the name in it, with and
// without the hyphen and six characters that Secrets Manager adds.
func Names(id string) []string {
	arn, err := cache.ParseARN(id)
	if err != nil {
		return []string{id}
	}
	const suffix = 7
	if n := len(arn.Name) - suffix; n > 0 && arn.Name[n] == '-' {
		return []string{arn.Name[:n], arn.Name}
	}
	return []string{arn.Name}
}
