package failover_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/cache/sourcetest"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/failover"
)

// A site is a region with a fake Secrets Manager.
type site struct {
	failover.Region
	server *secrettest.Server
	client *secretsmanager.Client
}

func newSite(t testing.TB, name string) site {
	t.Helper()
	server, err := secrettest.Start(secrettest.Config{Region: name})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	client := secretsmanager.New(secretsmanager.Options{
		Region: name, BaseEndpoint: aws.String(server.URL()),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKID", SecretAccessKey: "key"}, nil
		}),
	})
	source, err := awssm.New(client)
	if err != nil {
		t.Fatal(err)
	}
	return site{failover.Region{Name: name, Source: source}, server, client}
}

func open(t testing.TB, regions ...failover.Region) *failover.Source {
	t.Helper()
	s, err := failover.New(regions...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Of two regions that both fail in a way, the suite sees one that does.
func TestConformance(t *testing.T) {
	first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
	failing := func(effect secrettest.Effect) func(testing.TB) func() {
		return func(t testing.TB) func() {
			stop1 := first.server.Fail(t, secrettest.Fault{Effect: effect})
			stop2 := second.server.Fail(t, secrettest.Fault{Effect: effect})
			return func() { stop1(); stop2() }
		}
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source:    open(t, first.Region, second.Region),
		Put:       func(t testing.TB, id, value string) { first.server.Seed(t, id, value) },
		PutBinary: func(t testing.TB, id string, value []byte) { first.server.SeedBinary(t, id, value) },
		Rotate:    func(t testing.TB, id, value string) { first.server.Rotate(t, id, value) },
		Remove: func(t testing.TB, id string) {
			if _, err := first.client.DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{SecretId: &id}); err != nil {
				t.Fatal(err)
			}
		},
		VersionIDs: true, Pinning: true, Stages: true,
		Failures: map[sourcetest.Failure]func(testing.TB) func(){
			sourcetest.Unavailable:   failing(secrettest.Unavailable()),
			sourcetest.Unreachable:   failing(secrettest.DropConnection()),
			sourcetest.Throttled:     failing(secrettest.Throttling()),
			sourcetest.Denied:        failing(secrettest.AccessDenied()),
			sourcetest.Undecryptable: failing(secrettest.DecryptionFailure()),
			sourcetest.Garbled:       failing(secrettest.CorruptBody()),
			sourcetest.CutOff:        failing(secrettest.TruncateBody()),
			sourcetest.Hanging:       failing(secrettest.Hang()),
		},
	})
}

func TestAReplicaIsReadWhileThePrimaryCantAnswer(t *testing.T) {
	for name, effect := range map[string]secrettest.Effect{
		"fails": secrettest.InternalError(), "throttles": secrettest.Throttling(), "drops": secrettest.DropConnection(),
		"has no key": secrettest.DecryptionFailure(),
	} {
		t.Run(name, func(t *testing.T) {
			first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
			arn := first.server.Seed(t, "db", "one")
			second.server.Seed(t, "db", "one")
			source := open(t, first.Region, second.Region)
			for _, id := range []string{"db", arn[:len(arn)-7]} {
				if v, err := source.Fetch(t.Context(), cache.Ref{ID: id}); err != nil || v.Replica != "" || !strings.Contains(v.ARN, ":eu-west-1:") {
					t.Errorf("%+v, %v", v, err)
				}
				stop := first.server.Fail(t, secrettest.Fault{Effect: effect})
				v, err := source.Fetch(t.Context(), cache.Ref{ID: id})
				if err != nil || v.Replica != "eu-central-1" || !strings.Contains(v.ARN, ":eu-central-1:") || v.Payload.Reveal() != "one" {
					t.Errorf("%+v, %v", v, err)
				}
				batch, err := source.FetchBatch(t.Context(), []cache.Ref{{ID: id}, {ID: "none"}})
				if err == nil && (batch[0].Err == nil && batch[0].Value.Replica != "eu-central-1" || !errors.Is(batch[1].Err, cache.ErrNotFound)) {
					t.Errorf("%+v", batch)
				}
				stop()
			}
		})
	}
}

func TestWhatThePrimarySaysWithAuthorityIsTheAnswer(t *testing.T) {
	first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
	second.server.Seed(t, "db", "one")
	source := open(t, first.Region, second.Region)
	if _, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	first.server.Fail(t, secrettest.Fault{Effect: secrettest.AccessDenied()})
	if _, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); !errors.Is(err, cache.ErrAccessDenied) {
		t.Errorf("got %v", err)
	}
	if n := second.server.Calls(); n != 0 {
		t.Errorf("the replica was asked %d times", n)
	}
}

func TestTheErrorSaysWhatEachRegionSaid(t *testing.T) {
	first, second := newSite(t, "eu-west-1"), newSite(t, "eu-central-1")
	first.server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
	source := open(t, first.Region, second.Region)
	_, err := source.Fetch(t.Context(), cache.Ref{ID: "db"})
	// That the replica has no such secret says nothing about the primary.
	if !errors.Is(err, cache.ErrUnavailable) || errors.Is(err, cache.ErrNotFound) ||
		!strings.Contains(err.Error(), "region eu-west-1: service unavailable") || !strings.Contains(err.Error(), "region eu-central-1: secret not found") {
		t.Errorf("got %v", err)
	}
	second.server.Fail(t, secrettest.Fault{Effect: secrettest.Throttling()})
	if _, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); !errors.Is(err, cache.ErrUnavailable) || !errors.Is(err, cache.ErrThrottled) {
		t.Errorf("got %v", err)
	}
	_, err = source.Fetch(t.Context(), cache.Ref{ID: "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-a1B2c3"})
	if !errors.Is(err, cache.ErrInvalidRef) || !strings.Contains(err.Error(), "eu-west-1, eu-central-1") {
		t.Errorf("the ARN of another region: %v", err)
	}
}

// A scripted region answers as it is told, and counts.
type scripted struct {
	mu      sync.Mutex
	err     error
	hang    bool
	created time.Time
	calls   int
}

func (s *scripted) set(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func (s *scripted) count() int { s.mu.Lock(); defer s.mu.Unlock(); return s.calls }

func (s *scripted) Fetch(ctx context.Context, _ cache.Ref) (cache.Value, error) {
	s.mu.Lock()
	s.calls++
	err, hang, created := s.err, s.hang, s.created
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return cache.Value{}, fmt.Errorf("%w: %w", cache.ErrTimeout, ctx.Err())
	}
	return cache.Value{Created: created}, err
}

func two(t testing.TB) (first, second *scripted, source *failover.Source) {
	first, second = &scripted{}, &scripted{}
	return first, second, open(t, failover.Region{Name: "a", Source: first}, failover.Region{Name: "b", Source: second})
}

func TestACircuitOpensAndOneFetchAtATimeProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.err = cache.ErrUnavailable })
		fetch := func() string {
			v, err := source.Fetch(t.Context(), cache.Ref{ID: "db"})
			if err != nil {
				t.Error(err)
			}
			return v.Replica
		}
		for range 100 {
			if fetch() != "b" {
				t.Error("not from the replica")
			}
		}
		if n := first.count(); n != 3 {
			t.Errorf("the primary was asked %d times in a moment, want 3", n)
		}
		for range 3600 { // an hour
			time.Sleep(time.Second)
			fetch()
		}
		// Delays of 0.5 to 1, 1 to 2, … s at first, and 30 to 60 s from then on.
		if n := first.count(); n < 60 || n > 135 {
			t.Errorf("the primary was probed %d times in an hour", n-3)
		}
		time.Sleep(time.Minute)
		before := first.count()
		first.set(func() { first.hang = true })
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var fetches sync.WaitGroup
		for i := range 100 {
			fetches.Go(func() {
				start := time.Now()
				if _, err := source.Fetch(ctx, cache.Ref{ID: "db"}); err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != 0 && took != 5*time.Second {
					t.Errorf("fetch %d took %v", i, took)
				}
			})
		}
		fetches.Wait()
		if n := first.count() - before; n != 1 {
			t.Errorf("%d fetches probed", n)
		}
		first.set(func() { first.hang, first.err = false, nil })
		time.Sleep(time.Minute)
		if fetch() != "" {
			t.Error("the primary is well again, and is not asked")
		}
		before = second.count()
		for range 100 {
			fetch()
		}
		if second.count() != before {
			t.Error("the replica is still asked")
		}
	})
}

func TestWhenAllCircuitsAreOpenAllAreAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.err = cache.ErrUnavailable })
		second.set(func() { second.err = cache.ErrUnavailable })
		for range 10 {
			source.Fetch(t.Context(), cache.Ref{ID: "db"})
		}
		second.set(func() { second.err = nil })
		if v, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestACancelledFetchIsNoFailureOfTheRegion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		first.set(func() { first.hang = true })
		for range 10 {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if _, err := source.Fetch(ctx, cache.Ref{ID: "db"}); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		if n := second.count(); n != 0 {
			t.Errorf("the replica was asked %d times", n)
		}
		first.set(func() { first.hang = false })
		if v, err := source.Fetch(t.Context(), cache.Ref{ID: "db"}); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestAReplicaThatLagsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		old, now := time.Now().Add(-time.Hour), time.Now()
		first.set(func() { first.created = now })
		second.set(func() { second.created = old })
		fetch := func() (cache.Value, error) { return source.Fetch(t.Context(), cache.Ref{ID: "db"}) }
		if _, err := fetch(); err != nil {
			t.Error(err)
		}
		first.set(func() { first.err = cache.ErrUnavailable })
		if _, err := fetch(); !errors.Is(err, cache.ErrUnavailable) || !strings.Contains(err.Error(), "the replica lags") {
			t.Errorf("got %v", err)
		}
		second.set(func() { second.created = now })
		if v, err := fetch(); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
		first.set(func() { first.err, first.created = nil, old }) // the label was moved back
		if v, err := fetch(); err != nil || v.Replica != "" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

func TestNewRefusesRegionsThatCantBe(t *testing.T) {
	ok := failover.Region{Name: "a", Source: &scripted{}}
	for name, regions := range map[string][]failover.Region{
		"none": {}, "no name": {{Source: &scripted{}}}, "no source": {ok, {Name: "b"}}, "nil source": {{Name: "a", Source: (*scripted)(nil)}},
		"twice": {ok, ok}, "a list": {{Name: "a b", Source: &scripted{}}},
	} {
		if _, err := failover.New(regions...); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if text := fmt.Sprintf("%v %+v", open(t, ok), open(t, ok)); text != "failover:a failover:a" {
		t.Errorf("it prints as %s", text)
	}
}

func ExampleNew() {
	down := cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
		return cache.Value{}, cache.ErrUnavailable
	})
	up := cache.SourceFunc(func(context.Context, cache.Ref) (cache.Value, error) {
		return cache.Value{Payload: cache.StringPayload("hunter2")}, nil
	})
	// In earnest: failover.FromEnvironment(ctx, "eu-west-1", "eu-central-1").
	source, err := failover.New(
		failover.Region{Name: "eu-west-1", Source: down},
		failover.Region{Name: "eu-central-1", Source: up},
	)
	if err != nil {
		panic(err)
	}
	v, err := source.Fetch(context.Background(), cache.Ref{ID: "prod/db"})
	fmt.Println(v.Payload.Reveal(), v.Replica, err)
	// Output: hunter2 eu-central-1 <nil>
}
