package typedsecret_test

import (
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

// TestDecodedStringsAreKeptOnce: two handles on one secret return strings that are the
// same memory, so whoever holds many secrets holds each once.
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

// TestUnexportedStringsAreLeftAlone, as only their own package may set them.
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
