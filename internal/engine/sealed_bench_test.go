package engine_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// BenchmarkSnapshot is what a sealed snapshot of 1,000 secrets takes: to be written, by
// Close, and to be looked into, by a start during an outage.
func BenchmarkSnapshot(b *testing.B) {
	s := servingMany(1000)
	cfg := engine.Config{}.WithSealedFile(filepath.Join(b.TempDir(), "secrets.sealed"), gcm(b, "key"))
	fill := func() *engine.Cache {
		c := open(b, s, cfg)
		for i := range 1000 {
			get(b, c, nameOf(i))
		}
		return c
	}
	fill().Close()
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			c := fill() // the first write is behind it
			b.StartTimer()
			c.Close()
		}
	})
	down := servingMany(0)
	down.fail(secret.ErrUnavailable)
	b.Run("load", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			c := open(b, down, cfg)
			get(b, c, nameOf(i%1000))
			c.Close()
		}
	})
	b.Run("load all", func(b *testing.B) {
		refs := make([]secret.Ref, 1000)
		for i := range refs {
			refs[i] = secret.Ref{ID: nameOf(i)}
		}
		for b.Loop() {
			c := open(b, down, cfg)
			_, errs := getAll(b.Context(), c, refs, nil)
			for _, err := range errs {
				if err != nil {
					b.Fatal(fmt.Sprint(err))
				}
			}
			c.Close()
		}
	})
}
