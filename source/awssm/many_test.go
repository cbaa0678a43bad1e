package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// overMemory is a source of a server that it reaches without a network, so in virtual time.
func overMemory(t testing.TB, server *secrettest.Server) *awssm.Source {
	t.Helper()
	return newSource(t, "http://127.0.0.1:1", func(o *secretsmanager.Options) { o.HTTPClient = server.Client() })
}

// seed makes n secrets.
func seed(t testing.TB, server *secrettest.Server, n int) (refs []secret.Ref) {
	for i := range n {
		id := fmt.Sprint("many/", i)
		server.Seed(t, id, "value of "+id)
		refs = append(refs, secret.Ref{ID: id, Stage: "AWSCURRENT"})
	}
	return refs
}

// fetchMany returns the error of each of refs, about which there must be one answer, with the
// value of its ID.
func fetchMany(ctx context.Context, t testing.TB, source *awssm.Source, refs []secret.Ref) map[secret.Ref]error {
	t.Helper()
	var mu sync.Mutex
	errs := map[secret.Ref]error{}
	source.FetchMany(ctx, refs, func(ref secret.Ref, v secret.Value, err error) {
		mu.Lock()
		defer mu.Unlock()
		if _, twice := errs[ref]; twice || !slices.Contains(refs, ref) {
			t.Errorf("a second answer about %v, or none was asked for", ref)
		}
		if err == nil && v.Payload.Reveal() != "value of "+v.Name {
			t.Errorf("%v has the value of another", ref)
		}
		errs[ref] = err
	})
	if len(errs) != len(refs) {
		t.Errorf("%d answers, want %d", len(errs), len(refs))
	}
	return errs
}

func wantRequests(t testing.TB, server *secrettest.Server, batches, single int) {
	t.Helper()
	if b, s := server.Calls("BatchGetSecretValue"), server.Calls("GetSecretValue"); b != batches || s != single {
		t.Errorf("%d batches and %d single requests, want %d and %d", b, s, batches, single)
	}
	server.ResetCalls()
}

func wantAll(t testing.TB, errs map[secret.Ref]error) {
	t.Helper()
	for ref, err := range errs {
		if err != nil {
			t.Errorf("%v: %v", ref, err)
		}
	}
}

func TestFetchManyGetsTwentyARequest(t *testing.T) {
	server := secrettest.New(t)
	source := newSource(t, server.URL())
	refs := seed(t, server, 60)
	for n, want := range map[int][2]int{0: {0, 0}, 1: {0, 1}, 2: {1, 0}, 20: {1, 0}, 21: {1, 1}, 60: {3, 0}} {
		wantAll(t, fetchMany(t.Context(), t, source, refs[:n]))
		wantRequests(t, server, want[0], want[1])
	}
}

func TestWhatABatchCantAnswerComesSingly(t *testing.T) {
	server := secrettest.New(t)
	source := newSource(t, server.URL())
	refs := seed(t, server, 2)
	arn := server.Seed(t, "renamed", "value of renamed")
	v, err := source.Fetch(t.Context(), secret.Ref{ID: "renamed"})
	if err != nil {
		t.Fatal(err)
	}
	server.ResetCalls()
	refs = append(refs,
		secret.Ref{ID: arn}, secret.Ref{ID: arn[:len(arn)-7]}, secret.Ref{ID: "renamed", VersionID: v.VersionID},
		secret.Ref{ID: "many/0", Stage: "AWSPREVIOUS"}, secret.Ref{ID: "unknown"})
	errs := fetchMany(t.Context(), t, source, refs)
	for ref, err := range errs {
		if missing := ref.ID == "unknown" || ref.Stage == "AWSPREVIOUS"; missing != errors.Is(err, secret.ErrNotFound) || !missing && err != nil {
			t.Errorf("%v: %v", ref, err)
		}
	}
	wantRequests(t, server, 1, 2)
}

func TestARefusedBatchIsRememberedForFiveMinutes(t *testing.T) {
	for name, row := range map[string]struct {
		effect  secrettest.Effect
		refuses bool
	}{
		"denied":      {secrettest.AccessDenied(), true},
		"throttled":   {secrettest.Throttling(), true},
		"unknown":     {secrettest.Respond(http.StatusBadRequest, "UnknownOperationException", ""), true},
		"fails":       {secrettest.InternalError(), false},
		"unreachable": {secrettest.DropConnection(), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := secrettest.New(t)
				source := overMemory(t, server)
				refs := seed(t, server, 50)
				stop := server.Fail(t, secrettest.Fault{Operation: "BatchGetSecretValue", Effect: row.effect})
				errs := fetchMany(t.Context(), t, source, refs)
				if !row.refuses {
					for ref, err := range errs {
						if !errors.Is(err, secret.ErrUnavailable) {
							t.Errorf("%v: %v", ref, err)
						}
					}
					wantRequests(t, server, 3, 0)
					stop()
					wantAll(t, fetchMany(t.Context(), t, source, refs))
					wantRequests(t, server, 3, 0)
					return
				}
				wantAll(t, errs)
				if b, single := server.Calls("BatchGetSecretValue"), server.Calls("GetSecretValue"); b < 1 || b > 3 || single != 50 {
					t.Errorf("%d batches and %d single requests, want one to three, as many as begin before the first refusal, and 50", b, single)
				}
				server.ResetCalls()
				time.Sleep(5*time.Minute - 1)
				stop()
				wantAll(t, fetchMany(t.Context(), t, source, refs))
				wantRequests(t, server, 0, 50)
				time.Sleep(time.Nanosecond)
				wantAll(t, fetchMany(t.Context(), t, source, refs))
				wantRequests(t, server, 3, 0)
			})
		})
	}
}

// A client that is not the SDK's own may give GetSecretValue a meaning of its own.
func TestAnotherClientIsAskedForNoBatches(t *testing.T) {
	server := secrettest.New(t)
	source, err := awssm.New(struct{ awssm.Client }{secretsmanager.New(options(server.URL()))})
	if err != nil {
		t.Fatal(err)
	}
	wantAll(t, fetchMany(t.Context(), t, source, seed(t, server, 5)))
	wantRequests(t, server, 0, 5)
}

func TestASourceThatIsNoneAnswersEach(t *testing.T) {
	for ref, err := range fetchMany(t.Context(), t, nil, []secret.Ref{{ID: "a"}, {ID: "b"}}) {
		if err == nil {
			t.Errorf("%v: no error", ref)
		}
	}
}

// The time that all requests take is not bounded by FetchTimeout, that of each is. After 64 that
// hang no other is made but for probes.
func TestEachRequestHasFetchTimeout(t *testing.T) {
	for _, row := range []struct {
		latency time.Duration
		want    error
		takes   time.Duration
	}{{9 * time.Second, nil, 4 * 9 * time.Second}, {time.Hour, secret.ErrTimeout, 25 * time.Second}} {
		synctest.Test(t, func(t *testing.T) {
			server := secrettest.New(t)
			refs := seed(t, server, 200)
			c, err := cache.New(overMemory(t, server), cache.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			server.Fail(t, secrettest.Fault{Operation: "BatchGetSecretValue", Effect: secrettest.AccessDenied()})
			server.Fail(t, secrettest.Fault{Operation: "GetSecretValue", Latency: row.latency})
			began := time.Now()
			_, errs := lookupAll(t, c, refs)
			for i, err := range errs {
				if !errors.Is(err, row.want) {
					t.Errorf("%v: %v", refs[i], err)
				}
			}
			if took := time.Since(began); took != row.takes && row.want == nil || took > row.takes {
				t.Errorf("it took %v, want %v by 64 at a time", took, row.takes)
			}
		})
	}
}

func TestABatchThatHangsDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := secrettest.New(t)
		refs := seed(t, server, 60)
		server.Fail(t, secrettest.Fault{SecretID: refs[0].ID, Effect: secrettest.Hang()})
		c, err := cache.New(overMemory(t, server), cache.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go lookupAll(t, c, refs)
		synctest.Wait()
		began := time.Now()
		for _, ref := range refs[20:] {
			if _, err := c.Get(t.Context(), ref); err != nil || time.Since(began) != 0 {
				t.Errorf("%v: %v after %v", ref, err, time.Since(began))
			}
		}
		for _, ref := range refs[:20] {
			if _, err := c.Get(t.Context(), ref); !errors.Is(err, secret.ErrTimeout) || time.Since(began) != cache.DefaultFetchTimeout {
				t.Errorf("%v: %v after %v", ref, err, time.Since(began))
			}
		}
		wantRequests(t, server, 3, 0)
	})
}

// lookupAll gets all that refs name, as Preload does.
func lookupAll(t *testing.T, c *cache.Cache, refs []secret.Ref) ([]*engine.Snapshot, []error) {
	entries := make([]*engine.Entry, len(refs))
	for i, ref := range refs {
		var err error
		if entries[i], err = (*engine.Cache)(c).Entry(ref); err != nil {
			t.Error(err)
		}
	}
	return (*engine.Cache)(c).GetAll(t.Context(), entries, nil)
}

// TestWhatABatchRefusesIsNotAnsweredByItsNeighbour: Secrets Manager takes the ARN of a secret,
// whose own name ends with a hyphen and six characters, for a whole one, and refuses it.
func TestWhatABatchRefusesIsNotAnsweredByItsNeighbour(t *testing.T) {
	for _, first := range []bool{true, false} {
		server := secrettest.New(t)
		server.Seed(t, "prod/db-reader", "value of prod/db-reader")
		source := overMemory(t, server)
		name := secret.Ref{ID: "prod/db-reader"}
		value, err := source.Fetch(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		partial := secret.Ref{ID: value.ARN[:len(value.ARN)-len("-AbCdEf")]}
		_, alone := source.Fetch(t.Context(), partial)
		refs := []secret.Ref{name, partial}
		if first {
			slices.Reverse(refs)
		}
		errs := fetchMany(t.Context(), t, source, refs)
		if errs[name] != nil || !errors.Is(alone, secret.ErrNotFound) || !errors.Is(errs[partial], secret.ErrNotFound) {
			t.Errorf("the name: %v; the ARN: %v, alone: %v", errs[name], errs[partial], alone)
		}
	}
}
