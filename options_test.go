package typedsecret_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
)

// sliceClient is a client that can't be a map's key.
type sliceClient []string

func (sliceClient) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return nil, errors.New("never called")
}

type pointerCodec struct{ rule string }

func (c pointerCodec) Decode([]byte, any) error { return errors.New(c.rule) }
func (c pointerCodec) Shared() bool             { return c.rule == "" }

type funcCodec func() error

func (c funcCodec) Decode([]byte, any) error { return c() }

func TestWrongOptionsAreRefusedAtOnceAndByEachMethod(t *testing.T) {
	c := open(t, storing("k", "v"), cache.Config{})
	with := typedsecret.WithCache(c)
	sdk := secretsmanager.New(secretsmanager.Options{Region: "us-east-1"})
	for name, row := range map[string]struct {
		id   string
		opts []typedsecret.Option
		want error
		says []string // the error says what is wrong and what would be right
	}{
		"no ID":              {"", nil, typedsecret.ErrInvalidRef, []string{"secret ID is empty", "such as prod/db"}},
		"a blank ID":         {"  ", nil, typedsecret.ErrInvalidRef, []string{"secret ID is empty"}},
		"3,000 characters":   {strings.Repeat("x", 3000), nil, typedsecret.ErrInvalidRef, []string{"3000 characters", "at most 2048"}},
		"a line's end":       {"prod/db\n", nil, typedsecret.ErrInvalidRef, []string{"control character at byte 7"}},
		"not UTF-8":          {"prod/\xff", nil, typedsecret.ErrInvalidRef, []string{"not valid UTF-8"}},
		"another's ARN":      {"arn:aws:s3:::bucket", nil, typedsecret.ErrInvalidRef, []string{"secretsmanager", `"s3"`}},
		"half an ARN":        {"arn:aws", nil, typedsecret.ErrInvalidRef, []string{"no ARN", "looks like arn:aws:secretsmanager:"}},
		"an empty stage":     {"k", []typedsecret.Option{typedsecret.WithStage("")}, typedsecret.ErrInvalidConfig, []string{"stage is empty", "leave WithStage out"}},
		"a long stage":       {"k", []typedsecret.Option{typedsecret.WithStage(strings.Repeat("S", 257))}, typedsecret.ErrInvalidRef, []string{"257 characters", "at most 256"}},
		"an empty version":   {"k", []typedsecret.Option{typedsecret.WithVersionID("")}, typedsecret.ErrInvalidConfig, []string{"version ID is empty", "leave WithVersionID out"}},
		"a short version":    {"k", []typedsecret.Option{typedsecret.WithVersionID("7")}, typedsecret.ErrInvalidRef, []string{"1 characters", "32 to 64"}},
		"no cache":           {"k", []typedsecret.Option{typedsecret.WithCache(nil)}, typedsecret.ErrNilCache, []string{"cache is nil", "cache.New"}},
		"no client":          {"k", []typedsecret.Option{typedsecret.WithClient(nil)}, typedsecret.ErrInvalidConfig, []string{"client is nil"}},
		"a nil client":       {"k", []typedsecret.Option{typedsecret.WithClient((*secretsmanager.Client)(nil))}, typedsecret.ErrInvalidConfig, []string{"client is nil"}},
		"no map's key":       {"k", []typedsecret.Option{typedsecret.WithClient(sliceClient{"x"})}, typedsecret.ErrInvalidConfig, []string{"sliceClient", "not comparable", "pointer"}},
		"no codec":           {"k", []typedsecret.Option{with, typedsecret.WithCodec(nil)}, typedsecret.ErrInvalidConfig, []string{"codec is nil"}},
		"a nil codec func":   {"k", []typedsecret.Option{with, typedsecret.WithCodec(funcCodec(nil))}, typedsecret.ErrInvalidConfig, []string{"codec is nil"}},
		"a nil codec":        {"k", []typedsecret.Option{with, typedsecret.WithCodec((*pointerCodec)(nil))}, typedsecret.ErrInvalidConfig, []string{"codec is nil"}},
		"a cache and client": {"k", []typedsecret.Option{with, typedsecret.WithClient(sdk)}, typedsecret.ErrInvalidConfig, []string{"WithCache and WithClient exclude each other", "the cache's source"}},
		"all of them": {"", []typedsecret.Option{typedsecret.WithStage(""), typedsecret.WithCodec(nil)}, typedsecret.ErrInvalidRef, []string{
			"secret ID is empty", "stage is empty", "codec is nil",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			handle := typedsecret.New[string](row.id, row.opts...)
			ctx := t.Context()
			_, errGet := handle.Get(ctx)
			_, _, errInfo := handle.GetWithInfo(ctx)
			_, errRefresh := handle.Refresh(ctx)
			byID := typedsecret.NewByID[string](append([]typedsecret.Option{typedsecret.WithCache(c)}, row.opts...)...)
			_, errByID := byID.Get(ctx, row.id)
			_, _, errByIDInfo := byID.GetWithInfo(ctx, row.id)
			_, errByIDRefresh := byID.Refresh(ctx, row.id)
			errs := map[string]error{
				"Err": handle.Err(), "Get": errGet, "GetWithInfo": errInfo, "Refresh": errRefresh, "Invalidate": handle.Invalidate(ctx),
				"ByID.Get": errByID, "ByID.GetWithInfo": errByIDInfo, "ByID.Refresh": errByIDRefresh, "ByID.Invalidate": byID.Invalidate(ctx, row.id),
			}
			for method, err := range errs {
				if strings.HasPrefix(method, "ByID") && (row.id == "" && len(row.opts) > 0 || row.want == typedsecret.ErrNilCache) {
					continue // only one of them is reported at a time
				}
				failed, ok := errors.AsType[*typedsecret.Error](err)
				if !ok || failed.Ref.ID != row.id || !errors.Is(err, row.want) {
					t.Errorf("%s: %v; want a *typedsecret.Error that is %q", method, err, row.want)
					continue
				}
				if strings.ContainsAny(err.Error(), "\n\r") {
					t.Errorf("%s: more than one line: %q", method, err)
				}
				for _, want := range row.says {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%s: %q is not in %v", method, want, err)
					}
				}
			}
		})
	}
	if c.Len() != 0 {
		t.Error("something was fetched")
	}
}

func TestRightOptionsAreNoError(t *testing.T) {
	for _, opts := range [][]typedsecret.Option{
		nil,
		{nil},
		{typedsecret.WithCodec(codec.JSON{Strict: true}), typedsecret.WithShared(), typedsecret.WithStage("AWSPREVIOUS")},
		{typedsecret.WithVersionID("11111111-2222-3333-4444-555555555555")},
	} {
		handle := typedsecret.New[string]("prod/db", opts...)
		if err := handle.Err(); err != nil || handle.ID() != "prod/db" {
			t.Errorf("Err: %v, ID: %q", err, handle.ID())
		}
	}
}

func TestZeroHandlesAreErrorsNotPanics(t *testing.T) {
	ctx := t.Context()
	for name, s := range map[string]*typedsecret.Secret[string]{"nil": nil, "zero": {}} {
		_, errGet := s.Get(ctx)
		_, _, errInfo := s.GetWithInfo(ctx)
		_, errRefresh := s.Refresh(ctx)
		_, errInject := typedsecret.Inject(s, func(context.Context, string, int) (int, error) { panic("called") })(ctx, 1)
		for i, err := range []error{s.Err(), errGet, errInfo, errRefresh, errInject, s.Invalidate(ctx)} {
			if !errors.Is(err, typedsecret.ErrZeroHandle) {
				t.Errorf("%s Secret, call %d: %v", name, i, err)
			}
		}
		if s.ID() != "" {
			t.Errorf("%s Secret: ID %q", name, s.ID())
		}
		wantPrints(t, s, " [REDACTED]")
	}
	for name, b := range map[string]*typedsecret.ByID[string]{"nil": nil, "zero": {}} {
		_, errGet := b.Get(ctx, "k")
		_, _, errInfo := b.GetWithInfo(ctx, "k")
		_, errRefresh := b.Refresh(ctx, "k")
		for i, err := range []error{errGet, errInfo, errRefresh, b.Invalidate(ctx, "k")} {
			if !errors.Is(err, typedsecret.ErrZeroHandle) {
				t.Errorf("%s ByID, call %d: %v", name, i, err)
			}
		}
		wantPrints(t, b, "ByID[string] [REDACTED]")
	}
}

func TestZeroCacheIsAnError(t *testing.T) {
	_, err := typedsecret.New[string]("k", typedsecret.WithCache(&cache.Cache{})).Get(t.Context())
	if !errors.Is(err, typedsecret.ErrNilCache) {
		t.Errorf("Get: %v", err)
	}
}

func TestHandlesPrintWhatTheyAre(t *testing.T) {
	wantPrints(t, typedsecret.New[string]("prod/db"), "prod/db [REDACTED]")
	wantPrints(t, typedsecret.NewByID[string](), "ByID[string] [REDACTED]")
	wantPrints(t, typedsecret.NewByID[error](), "ByID[error] [REDACTED]")
}

func wantPrints[H interface {
	fmt.Stringer
	fmt.Formatter
	slog.LogValuer
	MarshalText() ([]byte, error)
}](t *testing.T, handle H, want string,
) {
	t.Helper()
	text, err := handle.MarshalText()
	forms := []string{handle.String(), string(text), handle.LogValue().String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%30.3s"} {
		forms = append(forms, fmt.Sprintf(verb, handle))
	}
	for _, form := range forms {
		if form != want || err != nil {
			t.Errorf("prints %q, want %q", form, want)
		}
	}
	if b, err := json.Marshal(handle); err != nil || string(b) != `"`+want+`"` && string(b) != "null" {
		t.Errorf("json.Marshal: %s, %v", b, err)
	}
}

func TestALongIDIsShownInPart(t *testing.T) {
	err := typedsecret.New[int](strings.Repeat("x", 3000)).Err()
	if err == nil || len(err.Error()) > 400 || !strings.Contains(err.Error(), "3000 characters") {
		t.Errorf("got %v", err)
	}
}

// TestADurationWithoutAUnitIsAnError, since Go takes a plain number as nanoseconds.
func TestADurationWithoutAUnitIsAnError(t *testing.T) {
	handle := typedsecret.New[string]("k", typedsecret.WithRetryBudget(10))
	for name, err := range map[string]error{
		"WithRetryBudget":    handle.Err(),
		"Preloader.Interval": typedsecret.Preloader{Interval: 10}.Preload(t.Context()),
		"Preloader.Jitter":   typedsecret.Preloader{Jitter: 10}.Preload(t.Context()),
	} {
		if !errors.Is(err, typedsecret.ErrInvalidConfig) || !strings.Contains(err.Error(), "did you mean 10 * time.Second?") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unfit has UnmarshalJSON and UnmarshalText from big.Int, which would leave Password empty.
type unfit struct {
	big.Int
	Password string `json:"password"`
}

// asList is a T for which codec.For has no codec.
type asList struct {
	Password string
	Closed   chan int
}

// TestATypeThatWouldStayEmptyIsRefusedByEachMethod without a fetch, and by Err too.
func TestATypeThatWouldStayEmptyIsRefusedByEachMethod(t *testing.T) {
	c := open(t, storing("k", "7"), cache.Config{})
	with := typedsecret.WithCache(c)
	handle, byID := typedsecret.New[[]unfit]("k", with), typedsecret.NewByID[[]unfit](with)
	ctx := t.Context()
	_, errGet := handle.Get(ctx)
	_, _, errInfo := handle.GetWithInfo(ctx)
	_, errRefresh := handle.Refresh(ctx)
	_, errInject := typedsecret.Inject(handle, func(context.Context, []unfit, int) (int, error) { panic("called") })(ctx, 1)
	var errWatch error
	for _, err := range handle.Watch(ctx) {
		errWatch = err
		break
	}
	_, errByID := byID.Get(ctx, "k")
	_, _, errByIDInfo := byID.GetWithInfo(ctx, "k")
	_, errByIDRefresh := byID.Refresh(ctx, "k")
	for method, err := range map[string]error{
		"Err": handle.Err(), "Get": errGet, "GetWithInfo": errInfo, "Refresh": errRefresh, "Inject": errInject, "Watch": errWatch,
		"Do":      handle.Do(ctx, func(context.Context, []unfit) error { panic("called") }),
		"Preload": typedsecret.Preload(ctx, handle),
		"ByID":    byID.Err(), "ByID.Get": errByID, "ByID.GetWithInfo": errByIDInfo, "ByID.Refresh": errByIDRefresh,
	} {
		if !errors.Is(err, codec.ErrUnsupported) {
			t.Errorf("%s: %v", method, err)
			continue
		}
		for _, want := range []string{"typedsecret_test.unfit (at [*]) embeds big.Int", "UnmarshalJSON", "field Password stays empty"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in %v", method, want, err)
			}
		}
		if failed, ok := errors.AsType[*typedsecret.Error](err); method != "ByID" && (!ok || failed.Ref.ID != "k") {
			t.Errorf("%s: %v names no secret", method, err)
		}
	}
	if c.Len() != 0 {
		t.Error("the secret was fetched")
	}
}

// TestErrUsesTheCodecThatGetWouldUse: the one that is registered by then, or the handle's
// own.
func TestErrUsesTheCodecThatGetWouldUse(t *testing.T) {
	with := typedsecret.WithCache(open(t, storing("k", "p"), cache.Config{}))
	handle := typedsecret.New[asList]("k", with)
	if err := handle.Err(); !errors.Is(err, codec.ErrUnsupported) || !strings.Contains(err.Error(), "chan int (at Closed)") {
		t.Errorf("before the codec is registered: %v", err)
	}
	own := codec.Func(func(b []byte) (asList, error) { return asList{Password: string(b)}, nil })
	if err := typedsecret.New[asList]("k", with, typedsecret.WithCodec(own)).Err(); err != nil {
		t.Errorf("with a codec of its own: %v", err)
	}
	if err := typedsecret.New[asList]("k", with, typedsecret.WithCodec(codec.Text{})).Err(); !errors.Is(err, codec.ErrUnsupported) {
		t.Errorf("with a codec for strings: %v", err)
	}
	codec.Register[asList](own)
	t.Cleanup(func() { codec.Register[asList](nil) })
	v, err := handle.Get(t.Context())
	if err != nil || v.Password != "p" || handle.Err() != nil {
		t.Errorf("with a registered codec: %+v, %v, and Err %v", v, err, handle.Err())
	}
	codec.Register[asList](nil)
	if err := handle.Err(); err != nil {
		t.Errorf("Get goes on with its codec, and Err says %v", err)
	}
}

// ending is a codec whose CheckType panics or ends its goroutine.
type ending struct {
	codec.JSON
	check func()
}

func (e ending) CheckType(reflect.Type) error {
	e.check()
	return nil
}

func TestACheckTypeThatPanicsIsAnError(t *testing.T) {
	with := typedsecret.WithCache(open(t, storing("k", "7"), cache.Config{}))
	handle := typedsecret.New[int]("k", with, typedsecret.WithCodec(ending{check: func() { panic("boom") }}))
	_, err := handle.Get(t.Context())
	if !errors.Is(err, typedsecret.ErrPanic) || !errors.Is(handle.Err(), typedsecret.ErrPanic) {
		t.Errorf("Get: %v, Err: %v", err, handle.Err())
	}
}

func TestACheckTypeThatEndsItsGoroutineHarmsNoOther(t *testing.T) {
	exits := true
	with := typedsecret.WithCache(open(t, storing("k", "7"), cache.Config{}))
	handle := typedsecret.New[int]("k", with, typedsecret.WithCodec(ending{check: func() {
		if exits {
			exits = false
			runtime.Goexit()
		}
	}}))
	var first sync.WaitGroup
	first.Go(func() { handle.Get(t.Context()) })
	first.Wait()
	wantGet(t, handle, 7)
}
