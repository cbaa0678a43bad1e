package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/secret"
)

// An attempt is what a region said that was asked: an error, or nil for an answer.
type attempt struct {
	region *region
	err    error
}

// refusals are said with authority: by a region that could answer.
var refusals = []error{
	secret.ErrNotFound, secret.ErrDeleted, secret.ErrAccessDenied, secret.ErrDecryption,
	secret.ErrInvalidRequest, secret.ErrInvalidRef,
}

func isRefusal(err error) bool {
	return slices.ContainsFunc(refusals, func(refusal error) bool { return errors.Is(err, refusal) })
}

// isOutage reports whether err says that the region could not answer.
func isOutage(err error) bool {
	return errors.Is(err, secret.ErrUnavailable) || errors.Is(err, secret.ErrTimeout) || errors.Is(err, secret.ErrThrottled)
}

// isFinal reports whether no other region need be asked: each has a KMS key of its own.
func (a attempt) isFinal() bool {
	return a.region.isPrimary() && isRefusal(a.err) && !isOutage(a.err) && !errors.Is(a.err, secret.ErrDecryption)
}

// attempts are those of one fetch, which failed.
type attempts []attempt

func (a attempts) include(r *region) bool {
	return slices.ContainsFunc(a, func(one attempt) bool { return one.region == r })
}

// sorted puts the primary region's first.
func (a attempts) sorted() attempts {
	slices.SortFunc(a, func(x, y attempt) int { return x.region.rank - y.region.rank })
	return a
}

// err joins what the regions said. It wraps only outages of the replicas: a replica that does
// not know the secret does not prove that there is none.
func (a attempts) err() error {
	var format strings.Builder
	var args []any
	if !a[0].region.isPrimary() {
		format.WriteString("%w: the primary region was left out; ")
		args = append(args, secret.ErrUnavailable)
	}
	for i, one := range a {
		verb := "%v"
		if one.region.isPrimary() || isOutage(one.err) && !isRefusal(one.err) || errors.Is(one.err, context.Canceled) {
			verb = "%w"
		}
		if i > 0 {
			format.WriteString("; ")
		}
		format.WriteString("region %s: " + verb)
		args = append(args, one.region.name, one.err)
	}
	return fmt.Errorf(format.String(), args...)
}
