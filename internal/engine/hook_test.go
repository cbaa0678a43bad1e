package engine_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// A sealer encrypts what is kept with AES-GCM; which secret it is, is
// authenticated with it.
type sealer struct{ aead cipher.AEAD }

func newSealer(t testing.TB) *sealer {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return &sealer{aead}
}

func (s *sealer) Put(_ context.Context, item hook.Item, secret []byte) ([]byte, error) {
	return s.aead.Seal(nil, nil, secret, []byte(item.ID+"\x00"+item.Stage+"\x00"+item.VersionID)), nil
}

func (s *sealer) Get(_ context.Context, item hook.Item, stored []byte) ([]byte, error) {
	return s.aead.Open(nil, nil, stored, []byte(item.ID+"\x00"+item.Stage+"\x00"+item.VersionID))
}

// A witness is a Hook that keeps what it was given.
type witness struct {
	hook.Hook
	items        []hook.Item
	given        [][]byte // the slices themselves
	copies       [][]byte
	stored, read [][]byte
}

func (w *witness) Put(ctx context.Context, item hook.Item, secret []byte) ([]byte, error) {
	stored, err := w.Hook.Put(ctx, item, secret)
	w.items, w.given = append(w.items, item), append(w.given, secret)
	w.copies, w.stored = append(w.copies, bytes.Clone(secret)), append(w.stored, bytes.Clone(stored))
	return stored, err
}

func (w *witness) Get(ctx context.Context, item hook.Item, stored []byte) ([]byte, error) {
	w.items, w.read = append(w.items, item), append(w.read, bytes.Clone(stored))
	return w.Hook.Get(ctx, item, stored)
}

func TestTheHookTransformsWhatIsStoredAndDerivesItBack(t *testing.T) {
	virtual(t, func(t *testing.T) {
		w := &witness{Hook: newSealer(t)}
		c := open(t, serving("db"), engine.Config{Hook: w})
		for range 3 {
			wantGet(t, c, "db", "db v1")
		}
		if len(w.stored) != 1 || len(w.read) != 3 {
			t.Fatalf("%d Puts, %d Gets", len(w.stored), len(w.read))
		}
		item := hook.Item{ID: "db", Stage: "AWSCURRENT", VersionID: "v1"}
		if diff := cmp.Diff([]hook.Item{item, item, item, item}, w.items); diff != "" {
			t.Errorf("items (-want +got):\n%s", diff)
		}
		if bytes.Contains(w.stored[0], []byte("db v1")) || !bytes.Equal(w.stored[0], w.read[2]) {
			t.Errorf("stored %x, read %x", w.stored[0], w.read[2])
		}
		if string(w.copies[0]) != "db v1" {
			t.Errorf("Put was given %q", w.copies[0])
		}
		snap, _ := c.Lookup(t.Context(), ref("db"))
		if got := snap.Metadata().Payload.Reveal(); !snap.Hooked() || got != "" {
			t.Errorf("Metadata has the payload %q", got)
		}
	})
}

func TestThePlaintextIsWipedAfterPut(t *testing.T) {
	for name, h := range map[string]hook.Hook{
		"success": newSealer(t),
		"error":   &faultyHook{put: func() error { return errDown }},
		"panic":   &faultyHook{put: func() error { panic("no") }},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				var given []byte
				c := open(t, serving("db"), engine.Config{Hook: putFunc{h, func(b []byte) { given = b }}})
				c.Get(t.Context(), ref("db"))
				if diff := cmp.Diff(make([]byte, len("db v1")), given); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A putFunc is a Hook that shows what Put is given.
type putFunc struct {
	hook.Hook
	see func([]byte)
}

func (p putFunc) Put(ctx context.Context, item hook.Item, secret []byte) ([]byte, error) {
	p.see(secret)
	return p.Hook.Put(ctx, item, secret)
}

// An asIs is a Hook that breaks the rule that its results share no memory with
// what it was given.
type asIs struct{}

func (asIs) Put(_ context.Context, _ hook.Item, secret []byte) ([]byte, error) { return secret, nil }

func (asIs) Get(_ context.Context, _ hook.Item, stored []byte) ([]byte, error) { return stored, nil }

func TestAHookThatReturnsWhatItWasGivenCorruptsNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), engine.Config{Hook: asIs{}})
		for range 3 {
			wantGet(t, c, "db", "db v1")
		}
	})
}

func TestBinaryStaysBinaryThroughAHook(t *testing.T) {
	virtual(t, func(t *testing.T) {
		want := secret.BinaryPayload([]byte{0, 1, 255})
		c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
			return secret.Value{Payload: want}, nil
		}), engine.Config{Hook: newSealer(t)})
		if v, err := c.Get(t.Context(), ref("db")); err != nil || !v.Payload.Equal(want) {
			t.Errorf("got %x, binary %v, %v", v.Payload.Bytes(), v.Payload.IsBinary(), err)
		}
	})
}

// As when a hook draws a new key and forgets the old one: what it stored before
// can't be read, until a refresh has it stored anew, the same version or not.
func TestARefreshOfTheSameVersionIsStoredAnew(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, old := serving("db"), newSealer(t)
		keys := &witness{Hook: old}
		c := open(t, s, engine.Config{Hook: keys})
		first := snapshot(t, c, "db")
		keys.Hook = newSealer(t)
		wantErr(t, c, "db", engine.ErrHook)
		if _, err := c.Refresh(t.Context(), ref("db")); err != nil {
			t.Errorf("Refresh: %v", err)
		}
		wantGet(t, c, "db", "db v1")
		if second := snapshot(t, c, "db"); !second.Same(first) {
			t.Error("the same version need not be decoded again")
		}
	})
}

func TestWhatWasStoredForOneSecretIsNotTakenForAnother(t *testing.T) {
	virtual(t, func(t *testing.T) {
		h := newSealer(t)
		stored, err := h.Put(t.Context(), hook.Item{ID: "a", Stage: "AWSCURRENT", VersionID: "v1"}, []byte("a v1"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Get(t.Context(), hook.Item{ID: "b", Stage: "AWSCURRENT", VersionID: "v1"}, stored); err == nil {
			t.Error("the item is not authenticated")
		}
	})
}

func TestTheHookIsGivenTheCallersContextValues(t *testing.T) {
	type key struct{}
	virtual(t, func(t *testing.T) {
		var seen []any
		c := open(t, serving("db"), engine.Config{Hook: ctxHook(func(ctx context.Context) { seen = append(seen, ctx.Value(key{})) })})
		ctx := context.WithValue(t.Context(), key{}, "trace")
		if _, err := c.Get(ctx, ref("db")); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]any{"trace", "trace"}, seen); diff != "" {
			t.Errorf("Put and Get saw (-want +got):\n%s", diff)
		}
	})
}

type ctxHook func(context.Context)

func (h ctxHook) Put(ctx context.Context, i hook.Item, b []byte) ([]byte, error) {
	h(ctx)
	return bytes.Clone(b), nil
}

func (h ctxHook) Get(ctx context.Context, i hook.Item, b []byte) ([]byte, error) {
	return h.Put(ctx, i, b)
}

func TestAFailingPutKeepsTheLastGoodValue(t *testing.T) {
	virtual(t, func(t *testing.T) {
		fine := func() error { return nil }
		h := &faultyHook{put: fine, get: fine}
		s := serving("db")
		c := open(t, s, engine.Config{TTL: time.Hour, Hook: h})
		get(t, c, "db")
		h.put = func() error { return errors.New(leaked) }
		s.rotate("db", "v2")
		time.Sleep(time.Hour)
		wantGet(t, c, "db", "db v1")
		wantCalls(t, s, 2)
	})
}

// A hookFunc is a Hook whose Put it is.
type hookFunc func(secret []byte) ([]byte, error)

func (f hookFunc) Put(_ context.Context, _ hook.Item, b []byte) ([]byte, error) { return f(b) }

func (hookFunc) Get(_ context.Context, _ hook.Item, b []byte) ([]byte, error) { return b, nil }

func TestAHookThatClaimsAPanicIsNotQuoted(t *testing.T) {
	virtual(t, func(t *testing.T) {
		quoting := hookFunc(func(b []byte) ([]byte, error) { return nil, fmt.Errorf("%w: %s", engine.ErrPanic, leaked) })
		_, err := open(t, serving("db"), engine.Config{Hook: quoting}).Get(t.Context(), ref("db"))
		if !errors.Is(err, engine.ErrHook) {
			t.Errorf("got %v", err)
		}
		wantSilent(t, err)
	})
}

func TestAHookIsGivenAContextWhereTheCallerHasNone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, serving("db"), engine.Config{Hook: needsContext{}})
		var none context.Context
		if _, err := c.Get(none, ref("db")); err != nil {
			t.Error(err)
		}
		if _, err := c.Refresh(none, ref("db")); err != nil {
			t.Error(err)
		}
	})
}

type needsContext struct{}

func (needsContext) Put(ctx context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return append([]byte(nil), b...), ctx.Err()
}

func (needsContext) Get(ctx context.Context, _ hook.Item, b []byte) ([]byte, error) {
	return append([]byte(nil), b...), ctx.Err()
}

// keeping is a hook that keeps what it is told of each value.
type keeping struct{ items []hook.Item }

func (k *keeping) Put(_ context.Context, item hook.Item, b []byte) ([]byte, error) {
	k.items = append(k.items, item)
	return bytes.Clone(b), nil
}

func (k *keeping) Get(_ context.Context, item hook.Item, b []byte) ([]byte, error) {
	k.items = append(k.items, item)
	return bytes.Clone(b), nil
}

// TestAHookThatKeepsItsItemsKeepsNoSecret: the source's strings may be parts of the
// answer in which the secret stands.
func TestAHookThatKeepsItsItemsKeepsNoSecret(t *testing.T) {
	answer := strings.Repeat("v1 swordfish ", 2)
	h := &keeping{}
	c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{VersionID: answer[:2], Payload: secret.StringPayload(answer[3:12])}, nil
	}), engine.Config{Hook: h})
	if v, err := c.Get(t.Context(), ref("db")); err != nil || v.Payload.Reveal() != "swordfish" {
		t.Fatal(err)
	}
	for _, item := range h.items {
		if item.VersionID != "v1" || unsafe.StringData(item.VersionID) == unsafe.StringData(answer) {
			t.Errorf("the hook's version ID %q is a part of the answer", item.VersionID)
		}
	}
}
