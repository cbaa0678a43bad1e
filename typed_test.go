package typedsecret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
)

var credsV1 = DBCreds{Username: "app", Password: "first", Host: "db.internal", Port: 5432}

const credsV1JSON = `{"username":"app","password":"first","host":"db.internal","port":5432}`

func TestStringsAndBinariesAreReadByNameAndARN(t *testing.T) {
	server, secrets := secrettest.NewCache(t)
	c := typedsecret.WithCache(secrets)
	arnOf := map[string]string{
		"prod/db":   server.Seed(t, "prod/db", credsV1JSON),
		"prod/seed": server.SeedBinary(t, "prod/seed", []byte{0, 0xff, 0xfe}),
		"prod/json": server.SeedBinary(t, "prod/json", []byte(credsV1JSON)),
	}
	for name, full := range arnOf {
		for kind, id := range map[string]string{"name": name, "ARN": full, "partial ARN": full[:len(full)-7]} {
			t.Run(kind+" of "+name, func(t *testing.T) {
				if name == "prod/seed" {
					wantGet(t, typedsecret.New[[]byte](id, c), []byte{0, 0xff, 0xfe})
					return
				}
				wantGet(t, typedsecret.New[DBCreds](id, c), credsV1)
				wantGet(t, typedsecret.New[string](id, c), credsV1JSON)
				wantGet(t, typedsecret.New[[]byte](id, c), []byte(credsV1JSON))
				byID := typedsecret.NewByID[DBCreds](c)
				if got := must[DBCreds](t)(byID.Get(t.Context(), id)); got != credsV1 {
					t.Errorf("ByID.Get = %+v", got)
				}
			})
		}
	}
}

func TestStageAndVersionAreChosen(t *testing.T) {
	server, secrets := secrettest.NewCache(t)
	c := typedsecret.WithCache(secrets)
	server.Seed(t, "k", "one")
	v2 := server.Rotate(t, "k", "two")
	v3 := server.Put(t, "k", "three", "AWSPENDING")

	for name, row := range map[string]struct {
		want string
		opts []typedsecret.Option
	}{
		"neither":        {"two", nil},
		"AWSCURRENT":     {"two", []typedsecret.Option{typedsecret.WithStage("AWSCURRENT")}},
		"AWSPREVIOUS":    {"one", []typedsecret.Option{typedsecret.WithStage("AWSPREVIOUS")}},
		"AWSPENDING":     {"three", []typedsecret.Option{typedsecret.WithStage("AWSPENDING")}},
		"a version":      {"three", []typedsecret.Option{typedsecret.WithVersionID(v3)}},
		"both":           {"two", []typedsecret.Option{typedsecret.WithVersionID(v2), typedsecret.WithStage("AWSCURRENT")}},
		"a nil option":   {"two", []typedsecret.Option{nil}},
		"the last stage": {"one", []typedsecret.Option{typedsecret.WithStage("X"), typedsecret.WithStage("AWSPREVIOUS")}},
	} {
		t.Run(name, func(t *testing.T) {
			opts := append([]typedsecret.Option{c}, row.opts...)
			wantGet(t, typedsecret.New[string]("k", opts...), row.want)
			if got := must[string](t)(typedsecret.NewByID[string](opts...).Get(t.Context(), "k")); got != row.want {
				t.Errorf("ByID.Get = %q, want %q", got, row.want)
			}
		})
	}
}

func TestDefaultStageOfTheCacheIsTheHandles(t *testing.T) {
	server, c := secrettest.NewCache(t, cache.Config{DefaultStage: "AWSPREVIOUS"})
	server.Seed(t, "k", "one")
	server.Rotate(t, "k", "two")
	wantGet(t, typedsecret.New[string]("k", typedsecret.WithCache(c)), "one")
	wantGet(t, typedsecret.New[string]("k", typedsecret.WithCache(c), typedsecret.WithStage("AWSCURRENT")), "two")
}

func TestVersionAndStageThatDontBelongTogetherAreRefused(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "k", "one")
	v2 := server.Rotate(t, "k", "two")
	opts := []typedsecret.Option{
		typedsecret.WithCache(c),
		typedsecret.WithVersionID(v2), typedsecret.WithStage("AWSPREVIOUS"),
	}
	_, err := typedsecret.New[string]("k", opts...).Get(t.Context())
	_, errByID := typedsecret.NewByID[string](opts...).Get(t.Context(), "k")
	for _, err := range []error{err, errByID} {
		if !errors.Is(err, typedsecret.ErrInvalidRequest) {
			t.Fatalf("Get: %v", err)
		}
		for _, word := range []string{"k@AWSPREVIOUS#" + v2, "VersionStage", "VersionId"} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("the error lacks %q: %v", word, err)
			}
		}
	}
}

func TestUnknownSecretIsNotFound(t *testing.T) {
	_, c := secrettest.NewCache(t)
	handle := typedsecret.New[string]("prod/unknown", typedsecret.WithCache(c))
	_, err := handle.Get(t.Context())
	failed, ok := errors.AsType[*typedsecret.Error](err)
	if !ok || failed.Ref.ID != "prod/unknown" || !errors.Is(err, typedsecret.ErrNotFound) {
		t.Errorf("Get: %v", err)
	}
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Errorf("the SDK's error is out of reach: %v", err)
	}
	_, info, err2 := handle.GetWithInfo(t.Context())
	if err2 == nil || err2.Error() != err.Error() || !cmp.Equal(info, typedsecret.Info{}) {
		t.Errorf("GetWithInfo: %+v, %v", info, err2)
	}
}

func TestInfoTellsWhatWasReturned(t *testing.T) {
	server, c := secrettest.NewCache(t)
	arn := server.Seed(t, "prod/db", credsV1JSON)
	handle := typedsecret.New[DBCreds](arn[:len(arn)-7], typedsecret.WithCache(c))
	start := time.Now()

	got, info, err := handle.GetWithInfo(t.Context())
	if err != nil || got != credsV1 {
		t.Fatalf("GetWithInfo: %v, %v", got, err)
	}
	want := typedsecret.Info{ID: arn[:len(arn)-7], ARN: arn, Name: "prod/db", Stages: []string{"AWSCURRENT"}}
	if diff := cmp.Diff(want, info, cmpopts.IgnoreFields(info, "VersionID", "Created", "FetchedAt", "Age")); diff != "" {
		t.Errorf("Info (-want +got):\n%s", diff)
	}
	if info.VersionID == "" || info.Created.IsZero() || info.FetchedAt.Before(start) || info.Age > time.Since(start) {
		t.Errorf("Info is %+v", info)
	}

	info.Stages[0] = "changed"
	if _, info, _ = handle.GetWithInfo(t.Context()); info.Stages[0] != "AWSCURRENT" {
		t.Error("a caller changed the Stages of the next Info")
	}
	id, rotated := info.VersionID, server.Rotate(t, "prod/db", credsV1JSON)
	must[DBCreds](t)(handle.Refresh(t.Context()))
	if _, info, _ = handle.GetWithInfo(t.Context()); info.VersionID != rotated || info.VersionID == id {
		t.Errorf("after the rotation the version is %s", info.VersionID)
	}
}

func TestInfoTellsOfAFailingRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "good")
		handle := typedsecret.New[string]("k", typedsecret.WithCache(open(t, source, cache.Config{TTL: time.Hour})))
		wantGet(t, handle, "good")
		source.fail(secret.ErrUnavailable)
		time.Sleep(time.Hour)
		for range 2 {
			got, info, err := handle.GetWithInfo(t.Context())
			if got != "good" || err != nil || !info.Stale || !errors.Is(info.RefreshErr, typedsecret.ErrUnavailable) {
				t.Fatalf("in the outage: %q, %+v, %v", got, info, err)
			}
		}
		source.fail(nil)
		time.Sleep(time.Hour)
		wantGet(t, handle, "good") // begins a fetch in the background
		synctest.Wait()
		if got, info, err := handle.GetWithInfo(t.Context()); got != "good" || err != nil || info.Stale || info.RefreshErr != nil {
			t.Fatalf("after it: %q, %+v, %v", got, info, err)
		}
	})
}

// TestReadsNoticeWhatAnotherHandleDid: the next Get of every handle on a Ref sees a
// refresh, a rotation or an invalidation.
func TestReadsNoticeWhatAnotherHandleDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "1")
		with := typedsecret.WithCache(open(t, source, cache.Config{MinRefreshInterval: -1}))
		handle, other, byID := typedsecret.New[int]("k", with), typedsecret.New[string]("k", with), typedsecret.NewByID[int](with)
		wantAll := func(want int) {
			t.Helper()
			makeBusy(t, handle)
			wantGet(t, handle, want)
			wantGet(t, other, fmt.Sprint(want))
			if got := must[int](t)(byID.Get(t.Context(), "k")); got != want {
				t.Errorf("ByID.Get = %d, want %d", got, want)
			}
		}
		wantAll(1)

		source.put("k", "2")
		wantRefresh(t, other, "2")
		wantAll(2)

		source.put("k", "3")
		time.Sleep(time.Millisecond)
		if err := byID.Invalidate(t.Context(), "k"); err != nil {
			t.Fatal(err)
		}
		wantGet(t, handle, 3)
		wantAll(3)

		source.put("k", "4")
		time.Sleep(time.Millisecond)
		if err := handle.Invalidate(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantAll(4)

		source.put("k", "5")
		time.Sleep(time.Millisecond)
		must[int](t)(byID.Refresh(t.Context(), "k"))
		wantAll(5)
		if got := source.count(); got != 5 {
			t.Errorf("%d calls for 5 versions", got)
		}
	})
}

func TestRotationIsNoticedAheadOfTheTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := storing("k", "1")
		handle := typedsecret.New[int]("k", typedsecret.WithCache(open(t, source, cache.Config{TTL: time.Hour})))
		makeBusy(t, handle)
		source.put("k", "2")
		time.Sleep(time.Hour - time.Second)
		wantGet(t, handle, 1) // returns at once, and starts the refresh
		synctest.Wait()
		wantGet(t, handle, 2)
	})
}

func TestWarmGetIgnoresTheContext(t *testing.T) {
	source := storing("k", "5")
	for _, cfg := range []cache.Config{{}, {Hook: flip{}}} {
		with := typedsecret.WithCache(open(t, source, cfg))
		handle, list := typedsecret.New[int]("k", with), typedsecret.New[[]byte]("k", with)
		byID := typedsecret.NewByID[int](with)
		done, cancel := context.WithCancel(t.Context())
		cancel()

		// A Get that would have to wait returns at once.
		if _, err := typedsecret.New[int]("other", with).Get(done); !errors.Is(err, context.Canceled) && !errors.Is(err, secret.ErrNotFound) {
			t.Errorf("cold Get: %v", err)
		}
		for name, ctx := range map[string]context.Context{"nil": nil, "background": t.Context(), "done": done} {
			if name == "done" || name == "nil" {
				must[int](t)(handle.Get(t.Context()))
				must[[]byte](t)(list.Get(t.Context()))
				must[int](t)(byID.Get(t.Context(), "k"))
			}
			must[int](t)(handle.Get(ctx))
			must[[]byte](t)(list.Get(ctx))
			must[int](t)(byID.Get(ctx, "k"))
			if _, _, err := handle.GetWithInfo(ctx); err != nil {
				t.Errorf("GetWithInfo, context %s: %v", name, err)
			}
		}
	}
}

// TestNoContextIsTakenForBackground by every method, and by hooks and sources that it
// calls.
func TestNoContextIsTakenForBackground(t *testing.T) {
	with := typedsecret.WithCache(open(t, storing("k", "5"), cache.Config{Hook: asksContext{}}))
	byID, handle := typedsecret.NewByID[int](with), typedsecret.New[int]("k", with)
	var none context.Context
	must[int](t)(handle.Get(none))
	must[int](t)(handle.Refresh(none))
	must[int](t)(byID.Get(none, "k"))
	must[int](t)(byID.Refresh(none, "k"))
	for _, err := range []error{handle.Invalidate(none), byID.Invalidate(none, "k")} {
		if err != nil {
			t.Error(err)
		}
	}
	must[int](t)(typedsecret.Inject(handle, func(_ context.Context, v, _ int) (int, error) { return v, nil })(none, 0))
}

// asksContext is a hook that panics without a context.
type asksContext struct{ flip }

func (h asksContext) Get(ctx context.Context, item hook.Item, stored []byte) ([]byte, error) {
	_ = ctx.Err()
	return h.flip.Get(ctx, item, stored)
}

func TestClosedCacheIsAnError(t *testing.T) {
	c := open(t, storing("k", "5"), cache.Config{})
	handle, byID := typedsecret.New[int]("k", typedsecret.WithCache(c)), typedsecret.NewByID[int](typedsecret.WithCache(c))
	makeBusy(t, handle)
	must[int](t)(byID.Get(t.Context(), "k"))
	c.Close()
	_, err := handle.Get(t.Context())
	_, errRefresh := handle.Refresh(t.Context())
	_, errByID := byID.Get(t.Context(), "k")
	for _, err := range []error{err, errRefresh, errByID, handle.Invalidate(t.Context())} {
		if !errors.Is(err, typedsecret.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// registered is made before the init function that registers its codec.
var registered = typedsecret.New[hostList]("hosts")

type hostList []string

func init() {
	codec.Register[hostList](codec.Func(func(data []byte) (hostList, error) {
		return strings.Split(string(data), ","), nil
	}))
}

func TestCodecRegisteredInInitIsUsedByPackageVariables(t *testing.T) {
	setDefault(t, open(t, storing("hosts", "a,b"), cache.Config{}))
	wantGet(t, registered, hostList{"a", "b"})
}

func TestInfoTellsOfAReplicaAndOfTheAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
			return secret.Value{Payload: secret.StringPayload("hunter2"), Replica: "eu-central-1"}, nil
		})
		handle := typedsecret.New[string]("prod/key", typedsecret.WithCache(open(t, source, cache.Config{})))
		must[string](t)(handle.Get(t.Context()))
		time.Sleep(20 * time.Second)
		_, info, err := handle.GetWithInfo(t.Context())
		if err != nil || info.Replica != "eu-central-1" || info.Age != 20*time.Second || info.Stale {
			t.Errorf("%+v, %v", info, err)
		}
	})
}

func TestWithKeyReadsOneKey(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "db", `{"password":"p","port":5432}`)
	with := typedsecret.WithCache(c)
	password := typedsecret.New[string]("db", with, typedsecret.WithKey("password"))
	port := typedsecret.New[int]("db", with, typedsecret.WithKey("port"))
	if err := errors.Join(password.Err(), port.Err()); err != nil {
		t.Error(err)
	}
	if v, err := password.Get(t.Context()); v != "p" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
	if v, err := port.Get(t.Context()); v != 5432 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	if n := server.Calls(); n != 1 {
		t.Errorf("%d calls for two keys of one secret", n)
	}
	byID := typedsecret.NewByID[string](with, typedsecret.WithKey("password"))
	if v, err := byID.Get(t.Context(), "db"); v != "p" || err != nil {
		t.Errorf("by ID: %q, %v", v, err)
	}
	if _, err := typedsecret.New[string]("db", with, typedsecret.WithKey("user")).Get(t.Context()); !errors.Is(err, codec.ErrMissingKey) {
		t.Errorf("a missing key: %v", err)
	}
	for _, key := range []string{"", "a,b"} {
		if err := typedsecret.New[string]("db", typedsecret.WithKey(key)).Err(); err == nil {
			t.Errorf("the key %q is no error", key)
		}
	}
}
