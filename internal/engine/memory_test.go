package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// The pieces that the secret is made of while the program runs, so that it stands
// nowhere but where the cache puts it. It is longer than the 32 bytes up to which
// Go converts between string and []byte on the stack: the stacks of goroutines that
// ended are used again unwiped, and may be in a dump as a part of new frames.
var pieces = []string{"Zx7", "qP0", "vN3", "wK8", "tR5", "mB2", "yH6", "cJ4", "gL9", "dF1", "sA8", "uE3"}

// It runs in a child process, so that the search does not find values that the tests hold.
func TestWithAnEncryptingHookTheHeapHoldsNoPlaintext(t *testing.T) {
	if path := os.Getenv("CACHE_TEST_DUMP"); path != "" {
		dumpHeap(t, path)
		return
	}
	test := t.Name()
	for hooked, found := range map[string]bool{"no hook": true, "AES-GCM": false} {
		t.Run(hooked, func(t *testing.T) {
			dump := filepath.Join(t.TempDir(), "heap")
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+test+"$")
			child.Env = append(os.Environ(), "CACHE_TEST_DUMP="+dump, "CACHE_TEST_HOOK="+hooked)
			if out, err := child.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			heap, err := os.ReadFile(dump)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(heap, []byte(strings.Join(pieces, ""))); got != found {
				t.Errorf("the secret is in the heap of %d bytes: %v, want %v", len(heap), got, found)
			}
		})
	}
}

func dumpHeap(t *testing.T, path string) {
	var cfg engine.Config
	if os.Getenv("CACHE_TEST_HOOK") == "AES-GCM" {
		cfg.Hook = newSealer(t)
	}
	c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{Payload: secret.StringPayload(strings.Join(pieces, "")), VersionID: "v1"}, nil
	}), cfg)
	length := 0
	for range 1000 {
		v, err := c.Get(t.Context(), ref("db"))
		if err != nil {
			t.Fatal(err)
		}
		length += len(v.Payload.Reveal())
	}
	if _, err := c.Refresh(t.Context(), ref("db")); err != nil || length != 36_000 {
		t.Fatal(err, length)
	}
	runtime.GC()
	runtime.GC()
	growStack(100) // over what was left on the stack
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	debug.WriteHeapDump(f.Fd())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	runtime.KeepAlive(c)
}

//go:noinline
func growStack(depth int) int {
	var room [1024]byte
	if depth > 0 {
		room[depth] = byte(growStack(depth - 1))
	}
	return int(room[depth])
}

func TestReadingAFreshSnapshotAllocatesNothing(t *testing.T) {
	c := open(t, serving("db"), engine.Config{TTL: 1000 * engine.DefaultTTL})
	ctx, r := t.Context(), secret.Ref{ID: "db", Stage: engine.DefaultStage}
	snap := snapshot(t, c, "db")
	for name, read := range map[string]func(){
		"Fresh":                func() { _ = snap.Fresh() },
		"Lookup":               func() { c.Lookup(ctx, r) },
		"Lookup without stage": func() { c.Lookup(ctx, ref("db")) },
	} {
		// Some reads meet a tick; those allocate nothing either.
		if n := testing.AllocsPerRun(100_000, read); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Refreshed a thousand times, a secret is held once.
func TestRefreshesOfTheSameVersionShareOneCopyOfTheBytes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := open(t, secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
			return secret.Value{Payload: secret.BinaryPayload(make([]byte, 1<<20)), VersionID: "v1"}, nil
		}), engine.Config{MinRefreshInterval: -1})
		var kept []*engine.Snapshot
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for range 64 {
			time.Sleep(time.Second)
			s, err := c.LookupNow(t.Context(), ref("db"))
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, s)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 8<<20 {
			t.Errorf("%d snapshots of 1 MiB take %d MiB", len(kept), grown>>20)
		}
		runtime.KeepAlive(kept)
	})
}

func TestManyUnknownSecretsTakeBoundedMemory(t *testing.T) {
	virtual(t, func(t *testing.T) { testManyUnknownSecrets(t, 30_000) })
}

func testManyUnknownSecrets(t *testing.T, n int) {
	c := open(t, secret.SourceFunc(func(_ context.Context, r secret.Ref) (secret.Value, error) {
		return secret.Value{}, fmt.Errorf("%w: %s", secret.ErrNotFound, r.ID)
	}), engine.Config{Backoff: never})
	for i := range n {
		c.Get(t.Context(), ref(nameOf(i)))
	}
	if n := c.Entries(); n > engine.DefaultMaxSize {
		t.Errorf("%d are remembered", n)
	}
}
