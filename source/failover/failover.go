// Package failover reads secrets from their primary region and, while that can't answer,
// from the regions where they are replicated, as a [cache.Source] over one Source for
// each region. How a secret gets there is told in "Replicate AWS Secrets Manager secrets
// across Regions" of the Secrets Manager user guide.
//
// # When the next region is asked
//
// If a region can't answer ([cache.ErrUnavailable], [cache.ErrTimeout],
// [cache.ErrThrottled]), or can't use the KMS key that it has for the secret
// ([cache.ErrDecryption]), the next one is asked. What a region says with authority, that
// there is no such secret or no permission, is the answer, and so is the end of the
// caller's context. Each region but the last has half of the time that is left.
//
// A region that failed three times in a row is left out for a delay that grows from 1 s
// to 1 min; then one fetch probes it while the others go on without it. If all are left
// out, all are asked.
//
// # What a replica says
//
// A value from a replica names its region in Value.Replica. Replication takes time, so it
// may be older than one that was there before; such a value is refused with
// [cache.ErrUnavailable], and the cache goes on with what it has. That is known of the
// 1,024 secrets used last.
package failover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// A Region is where a secret may be read.
type Region struct {
	Name   string // such as eu-west-1
	Source cache.Source
}

// A Source reads from the first of its regions that can answer. It is safe for
// concurrent use if theirs are.
type Source struct {
	regions []*region
	newest  *newest
}

var _ cache.BatchSource = (*Source)(nil)

// New makes a Source of regions, the primary one first. None, two of a name, and one
// without a name or Source are errors.
func New(regions ...Region) (*Source, error) {
	if len(regions) == 0 {
		return nil, errors.New("failover: no region is given; the primary one comes first, then those of the replicas")
	}
	s := &Source{newest: newNewest()}
	for i, r := range regions {
		switch {
		case r.Name == "" || strings.ContainsAny(r.Name, " \t\n:/"):
			return nil, fmt.Errorf("failover: region %d has the name %q; one looks like eu-west-1", i, r.Name)
		case guard.IsNil(r.Source):
			return nil, fmt.Errorf("failover: the region %s has no Source", r.Name)
		case s.region(r.Name) != nil:
			return nil, fmt.Errorf("failover: the region %s is given twice", r.Name)
		}
		s.regions = append(s.regions, &region{name: r.Name, source: r.Source, primary: i == 0})
	}
	return s, nil
}

// FromEnvironment makes a Source of these regions with the configuration that the AWS
// SDK finds in the environment, but for its region; see [awssm.FromEnvironment].
func FromEnvironment(ctx context.Context, names ...string) (*Source, error) {
	regions := make([]Region, len(names))
	for i, name := range names {
		source, err := awssm.FromEnvironment(ctx, config.WithRegion(name))
		if err != nil {
			return nil, fmt.Errorf("failover: region %s: %w", name, err)
		}
		regions[i] = Region{name, source}
	}
	return New(regions...)
}

func (s *Source) region(name string) *region {
	for _, r := range s.regions {
		if r.name == name {
			return r
		}
	}
	return nil
}

// Fetch makes one request to each region that it asks.
//
// An ID that is an ARN is that of the secret in any of the regions; for each it is
// rewritten. The ARN of another region is [cache.ErrInvalidRef]. If every region fails,
// the error says what each said, and wraps those that say that they could not answer.
func (s *Source) Fetch(ctx context.Context, ref cache.Ref) (cache.Value, error) {
	if s == nil || len(s.regions) == 0 {
		return cache.Value{}, errors.New("failover: the Source is nil or was not made by New")
	}
	if err := s.check(ref); err != nil {
		return cache.Value{}, err
	}
	var v cache.Value
	err := s.try(ctx, isOutage, func(ctx context.Context, r *region) (err error) {
		v, err = r.source.Fetch(ctx, r.rewrite(ref))
		if err == nil {
			err = s.accept(ref, &v, r)
		}
		return err
	})
	if err != nil {
		return cache.Value{}, err
	}
	return v, nil
}

// FetchBatch is Fetch for several secrets by one request to each region that it asks. If
// a region's Source can't do batches, the error wraps [errors.ErrUnsupported]. A secret
// that the region has trouble with, or an ARN of another region, is left to Fetch.
func (s *Source) FetchBatch(ctx context.Context, refs []cache.Ref) ([]cache.Result, error) {
	if s == nil || len(s.regions) == 0 {
		return nil, errors.New("failover: the Source is nil or was not made by New")
	}
	var results []cache.Result
	// What throttles batches may let single requests through.
	outage := func(err error) bool { return isOutage(err) && !errors.Is(err, cache.ErrThrottled) }
	err := s.try(ctx, outage, func(ctx context.Context, r *region) (err error) {
		batch, ok := r.source.(cache.BatchSource)
		if !ok {
			return fmt.Errorf("the region %s has no batches: %w", r.name, errors.ErrUnsupported)
		}
		rewritten := make([]cache.Ref, len(refs))
		for i, ref := range refs {
			rewritten[i] = r.rewrite(ref)
		}
		results, err = batch.FetchBatch(ctx, rewritten)
		if err == nil && len(results) != len(refs) {
			err = fmt.Errorf("%w: %d results for a batch of %d", cache.ErrUnavailable, len(results), len(refs))
		}
		for i := range results {
			if err == nil {
				s.sift(refs[i], &results[i], r)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// sift leaves to Fetch what may be had from another region.
func (s *Source) sift(ref cache.Ref, result *cache.Result, r *region) {
	if result.Err == nil {
		result.Err = s.accept(ref, &result.Value, r)
	}
	if s.check(ref) != nil || isOutage(result.Err) || errors.Is(result.Err, cache.ErrDecryption) {
		*result = cache.Result{Err: cache.ErrNotInBatch}
	}
}

// check refuses the ARN of another region.
func (s *Source) check(ref cache.Ref) error {
	arn, err := cache.ParseARN(ref.ID)
	if err != nil || s.region(arn.Region) != nil {
		return nil // mostly a name
	}
	var names []string
	for _, r := range s.regions {
		names = append(names, r.name)
	}
	return fmt.Errorf("%w: the ARN is of the region %s, and this source reads from %s", cache.ErrInvalidRef, arn.Region, strings.Join(names, ", "))
}

// try calls ask for one region after the other until one has an answer; outage says of
// an error that it is none.
func (s *Source) try(ctx context.Context, outage func(error) bool, ask func(context.Context, *region) error) error {
	var failed attempts
	for _, all := range []bool{false, true} {
		for i, r := range s.regions {
			if !all && !r.mayBeAsked(time.Now()) {
				continue
			}
			err := r.ask(ctx, !all && !s.anyUp(i+1) || i == len(s.regions)-1, ask)
			if errors.Is(ctx.Err(), context.Canceled) && err != nil {
				return err // that says nothing about the region
			}
			down := err != nil && outage(err)
			r.answered(!down || errors.Is(err, errLags))
			if !down && !errors.Is(err, cache.ErrDecryption) && (err == nil || len(failed) == 0) {
				return err
			}
			failed = append(failed, attempt{r, err})
			if ctx.Err() != nil {
				return failed.err()
			}
		}
		if len(failed) > 0 {
			break
		}
	}
	return failed.err()
}

// anyUp reports whether a region from the ith on may be asked now.
func (s *Source) anyUp(i int) bool {
	for _, r := range s.regions[i:] {
		if r.isUp(time.Now()) {
			return true
		}
	}
	return false
}

// isOutage reports whether err says that the region could not answer.
func isOutage(err error) bool {
	return errors.Is(err, cache.ErrUnavailable) || errors.Is(err, cache.ErrTimeout) || errors.Is(err, cache.ErrThrottled)
}

// attempts are the regions that were asked, and what they said.
type attempts []attempt

type attempt struct {
	region *region
	err    error
}

// err joins what the regions said. Of the later ones only outages are wrapped: that a
// replica does not know the secret does not say that there is none.
func (a attempts) err() error {
	if len(a) == 1 {
		return fmt.Errorf("region %s: %w", a[0].region.name, a[0].err)
	}
	var format strings.Builder
	var args []any
	for i, one := range a {
		verb := "%v"
		if i == 0 || isOutage(one.err) {
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

// Format shows the names of the regions.
func (s *Source) Format(f fmt.State, _ rune) {
	if s == nil {
		return
	}
	fmt.Fprint(f, "failover:")
	for i, r := range s.regions {
		if i > 0 {
			fmt.Fprint(f, ",")
		}
		fmt.Fprint(f, r.name)
	}
}
