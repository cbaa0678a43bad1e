package failover

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/cache"
)

// An attempt is what a region said that was asked: an error, or nil for an answer.
type attempt struct {
	region *region
	err    error
}

// isFinal reports whether no other region need be asked.
func (a attempt) isFinal() bool {
	return a.region.isPrimary() && a.err != nil && !mayBeElsewhere(a.err)
}

// verdict is what the attempt says about the region, made with ctx: nothing if the caller
// left, or the Source panicked.
func (a attempt) verdict(ctx context.Context) verdict {
	switch {
	case a.err == nil || errors.Is(a.err, errLags):
		return up
	case isCancelled(ctx) || errors.Is(a.err, cache.ErrPanic):
		return unknown
	case isOutage(a.err):
		return down
	default:
		return up
	}
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

// areOutages reports whether no region could answer.
func (a attempts) areOutages() bool {
	return !slices.ContainsFunc(a, func(one attempt) bool { return !isOutage(one.err) })
}

// err joins what the regions said. Of the replicas only outages are wrapped: that one does
// not know the secret does not say that there is none.
func (a attempts) err() error {
	var format strings.Builder
	var args []any
	if !a[0].region.isPrimary() {
		format.WriteString("%w: the primary region was left out; ")
		args = append(args, cache.ErrUnavailable)
	}
	for i, one := range a {
		verb := "%v"
		if one.region.isPrimary() || isOutage(one.err) || errors.Is(one.err, context.Canceled) {
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
