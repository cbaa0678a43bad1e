// Package env reads secrets from environment variables, as a [secret.Source]: for
// containers whose platform puts secrets there, and for CI.
//
// The secret prod/db-admin is in the variable PROD_DB_ADMIN, after a prefix if one is
// given: the ID in upper case, each character that is no letter of ASCII and no digit
// replaced by an underscore. For an ARN, the name in it counts.
//
// # IDs that share a variable
//
// The IDs prod/db, prod-db and Prod/DB lead to one variable, and so do ARNs of two accounts
// that have one name. In Secrets Manager these are different secrets. A Source gives a
// variable to the first ID that leads to it. From then on it refuses the other IDs, with an
// error that wraps [secret.ErrInvalidRef] and names both.
//
// The program decides which ID is first. So if a part of an ID comes from a request, a
// tenant's name say, accept only names that the program knows. And give a prefix: without
// one, the ID aws/secret/access/key leads to AWS_SECRET_ACCESS_KEY.
package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
)

// A Source reads the environment of the process. It is safe for concurrent use.
type Source struct {
	prefix string
	claims local.Claims // of variables

	versions local.Versions
}

var _ secret.Source = (*Source)(nil)

// New makes a Source of the variables whose names begin with prefix, which may be empty
// and is taken as it is: SECRET_, say.
func New(prefix string) *Source { return &Source{prefix: prefix} }

// Fetch returns the variable's value. There is the current version only; its ID changes when the
// value does. A variable that is not set, or empty, is [secret.ErrNotFound]; one that was read for
// another ID is [secret.ErrInvalidRef].
func (s *Source) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if s == nil {
		return secret.Value{}, errors.New("env: the Source is nil")
	}
	if err := local.Check(ctx, ref, "an environment variable"); err != nil {
		return secret.Value{}, err
	}
	var tried []string
	for _, name := range local.Names(ref.ID) {
		variable := s.Variable(name)
		value, set := os.LookupEnv(variable)
		switch {
		case value != "":
			if err := s.claims.Take(variable, ref.ID, name, "the variable "+variable); err != nil {
				return secret.Value{}, err
			}
			v := local.Value(name, []byte(value))
			v.VersionID = s.versions.Of(variable, v.Payload)
			return v, nil
		case set:
			s.versions.Drop(variable)
			tried = append(tried, variable+" is empty")
		default:
			s.versions.Drop(variable)
			tried = append(tried, variable+" is not set")
		}
	}
	return secret.Value{}, fmt.Errorf("%w: the environment variable %s", secret.ErrNotFound, strings.Join(tried, ", and "))
}

// Variable returns the name of the variable for a secret's name.
func (s *Source) Variable(name string) string {
	return s.prefix + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
