package variants_test

import (
	"testing"

	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/bench/internal/variants"
)

func TestVariantsReturnTheValue(t *testing.T) {
	for _, v := range variants.All() {
		if got := v.Loop(t.Context(), 10); got != 10*source.Sum {
			t.Errorf("%s summed up to %d, want %d", v.Name, got, 10*source.Sum)
		}
	}
}
