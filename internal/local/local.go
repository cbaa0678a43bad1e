// Package local is shared by the sources that have no service behind them. Such a source
// has one version of each secret, the current one.
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

// Check returns the error of a fetch that can't begin: ctx is done, or ref names a version
// that the source doesn't have. The argument what names the source's kind in the error: "a
// file", say.
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

// Value makes the current version of a secret: a SecretString if data is text, and a
// SecretBinary otherwise. If name is an ARN, the value has no name.
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

// suffix matches the end that Secrets Manager adds to the name of a secret in its ARN.
var suffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// Names returns the names that id may mean. A name means itself. An ARN means the name in
// it, as it is, and then without the hyphen and the six characters that Secrets Manager
// adds. A name itself may end in such characters, as db-master does, so the longer name
// comes first.
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

// Keys returns the names under which a user may keep the secret id: the ID itself, and its
// [Names].
func Keys(id string) []string {
	return slices.Compact(append([]string{id}, Names(id)...))
}
