package typedsecret_test

import (
	"context"
	"errors"
	"math/big"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
)

// unfit has its UnmarshalJSON and UnmarshalText from big.Int, which would leave
// Password empty.
type unfit struct {
	big.Int
	Password string `json:"password"`
}

// asList is no T that codec.For has a codec for.
type asList struct {
	Password string
	Closed   chan int
}

// TestATypeThatWouldStayEmptyIsRefusedByEachMethod: without a call of the source, and
// by Err too.
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

// TestErrAsksTheCodecThatGetWouldAsk: the one that is registered by then, or the
// handle's own.
func TestErrAsksTheCodecThatGetWouldAsk(t *testing.T) {
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

// ending is a codec whose CheckType does what it must not.
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
