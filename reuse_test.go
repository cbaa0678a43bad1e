package typedsecret_test

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
)

type named string

type nested struct {
	Pair  [2]string
	Inner struct{ Deep named }
	Plain string
	Again string
}

const nestedSecret = `{"Pair":["one","two"],"Inner":{"Deep":"three"},"Plain":"with \"escapes\" é","Again":"one"}`

// TestDecodedStringsAreKeptOnce: two handles on one secret return strings in the same
// memory.
func TestDecodedStringsAreKeptOnce(t *testing.T) {
	c := open(t, storing("nested", nestedSecret), cache.Config{})
	a := must[nested](t)(typedsecret.New[nested]("nested", typedsecret.WithCache(c)).Get(t.Context()))
	b := must[nested](t)(typedsecret.NewByID[nested](typedsecret.WithCache(c)).Get(t.Context(), "nested"))
	want := nested{Pair: [2]string{"one", "two"}, Plain: `with "escapes" é`, Again: "one"}
	want.Inner.Deep = "three"
	for _, got := range []nested{a, b} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("decoded (-want +got):\n%s", diff)
		}
	}
	for name, pair := range map[string][2]string{
		"element": {a.Pair[1], b.Pair[1]}, "nested": {string(a.Inner.Deep), string(b.Inner.Deep)}, "twice": {a.Again, b.Again},
	} {
		if unsafe.StringData(pair[0]) != unsafe.StringData(pair[1]) {
			t.Errorf("%s: %q is kept twice", name, pair[0])
		}
	}
}

// TestUnexportedStringsAreLeftAlone, since only their own package may set them.
func TestUnexportedStringsAreLeftAlone(t *testing.T) {
	c := open(t, storing("hidden", "swordfish"), cache.Config{})
	v := must[sealedText](t)(typedsecret.New[sealedText]("hidden", typedsecret.WithCache(c)).Get(t.Context()))
	if v.text != "swordfish" {
		t.Errorf("got %q", v.text)
	}
}

type sealedText struct{ text string }

func (h *sealedText) UnmarshalText(b []byte) error {
	h.text = string(b)
	return nil
}

// padded makes a secret with a short name and much else.
func padded(name string) string {
	return `{"Name":"` + name + `","Pad":"` + strings.Repeat("x", 60_000) + `"}`
}

type onlyName struct{ Name string }

// TestAShortStringKeepsNoLongSecretAlive, although it was decoded from that secret.
func TestAShortStringKeepsNoLongSecretAlive(t *testing.T) {
	source := storing()
	c := open(t, source, cache.Config{MaxSize: 1})
	byID := typedsecret.NewByID[onlyName](typedsecret.WithCache(c))
	const n = 500
	names, before := make([]string, n), liveHeap()
	for i := range names {
		id := fmt.Sprint("tenant", i)
		source.put(id, padded(id))
		names[i] = must[onlyName](t)(byID.Get(t.Context(), id)).Name
		source.put(id, "")
	}
	if held := liveHeap() - before; held > n*2000 {
		t.Errorf("%d names keep %d bytes", n, held)
	}
	runtime.KeepAlive(names)
}

// TestAnUnchangedVersionIsKeptOnceAfterItWasEvicted: the value shares the memory of the
// payload that was fetched again.
func TestAnUnchangedVersionIsKeptOnceAfterItWasEvicted(t *testing.T) {
	c := open(t, storing("a", `{"Name":"a name"}`, "b", `{"Name":"b"}`), cache.Config{MaxSize: 1})
	with := typedsecret.WithCache(c)
	a, b := typedsecret.New[onlyName]("a", with), typedsecret.New[onlyName]("b", with)
	wantGet(t, a, onlyName{"a name"})
	wantGet(t, b, onlyName{"b"})
	again := must[onlyName](t)(a.Get(t.Context()))
	fresh := must[onlyName](t)(typedsecret.New[onlyName]("a", with).Get(t.Context()))
	if unsafe.StringData(again.Name) != unsafe.StringData(fresh.Name) {
		t.Error("the value is of the payload that was evicted")
	}
}

func liveHeap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// TestArraysWithoutStringsAreNotWalked, since a walk of this one would not end.
func TestArraysWithoutStringsAreNotWalked(t *testing.T) {
	type endless struct {
		Name string
		_    [math.MaxInt]struct{}
	}
	c := open(t, storing("a", `{"Name":"a"}`), cache.Config{})
	if v := must[endless](t)(typedsecret.New[endless]("a", typedsecret.WithCache(c)).Get(t.Context())); v.Name != "a" {
		t.Errorf("got %q", v.Name)
	}
}
