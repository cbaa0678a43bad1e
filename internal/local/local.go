// Package local is what the sources without a service behind them have in common: one
// version of each secret, the current one.
package local

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/typedsecret/typedsecret/secret"
)

// Check reports why a fetch of ref can't even begin: ctx is done, or ref asks for a
// version that what, such as "a file", doesn't have.
func Check(ctx context.Context, ref secret.Ref, what string) error {
	if err := Ended(ctx); err != nil {
		return err
	}
	if ref.VersionID != "" || ref.Stage != "" && ref.Stage != secret.CurrentStage {
		return fmt.Errorf("%w: %s has the current version alone; leave the version ID and the stage out", secret.ErrNotFound, what)
	}
	return nil
}

// Ended returns the error for a fetch whose ctx is done; nil if it is not.
func Ended(ctx context.Context) error {
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", secret.ErrTimeout, err)
	case err != nil:
		return fmt.Errorf("the fetch was cancelled: %w", err)
	}
	return nil
}

// Value makes the current version of a secret: a SecretString of what is text, and a
// SecretBinary of all else. An ARN as its name is left out.
func Value(name string, data []byte) secret.Value {
	v := secret.Value{Stages: []string{secret.CurrentStage}}
	if utf8.Valid(data) {
		v.Payload = secret.StringPayload(string(data))
	} else {
		v.Payload = secret.BinaryPayload(data)
	}
	if !strings.HasPrefix(name, "arn:") {
		v.Name = name
	}
	return v
}

// suffix is what Secrets Manager adds to the name of a secret in its ARN.
var suffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// Names returns the names that id may mean: itself; of an ARN the name in it, with and
// then without the hyphen and six characters that Secrets Manager adds. Nothing tells
// these from a name that ends alike, so the longer goes first: the ARN of db-master is
// not that of db.
func Names(id string) []string {
	arn, err := secret.ParseARN(id)
	if err != nil {
		return []string{id}
	}
	if short := suffix.ReplaceAllString(arn.Name, ""); short != "" && short != arn.Name {
		return []string{arn.Name, short}
	}
	return []string{arn.Name}
}

// Keys returns the names under which people may keep the secret id: the ID itself, and the
// [Names] in it.
func Keys(id string) []string {
	return slices.Compact(append([]string{id}, Names(id)...))
}
