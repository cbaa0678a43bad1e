package cost_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// BenchmarkReady measures the time until a service has its 100 secrets, if Secrets Manager
// answers after 20 ms.
func BenchmarkReady(b *testing.B) {
	server := secrettest.New(b)
	for i := range 100 {
		server.Seed(b, fmt.Sprint("many/", i), "value")
	}
	source, err := awssm.New(handletest.ClientByURL(server))
	if err != nil {
		b.Fatal(err)
	}
	server.Fail(b, secrettest.Fault{Latency: 20 * time.Millisecond})
	for name, ready := range map[string]func([]typedsecret.Handle) error{
		"preload": func(handles []typedsecret.Handle) error { return typedsecret.Preload(b.Context(), handles...) },
		"one Get after the other": func(handles []typedsecret.Handle) error {
			for _, h := range handles {
				if _, err := h.(*typedsecret.Secret[string]).Get(b.Context()); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				with := typedsecret.WithCache(handletest.Open(b, source, cache.Config{}))
				handles := make([]typedsecret.Handle, 100)
				for i := range handles {
					handles[i] = typedsecret.New[string](fmt.Sprint("many/", i), with)
				}
				b.StartTimer()
				if err := ready(handles); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAPreloadWithoutAPaceWaitsForNone: a program may preload all its secrets at a pace in the
// background, and some of them at once.
func TestAPreloadWithoutAPaceWaitsForNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		handles := make([]typedsecret.Handle, 100)
		for i := range handles {
			server.Seed(t, fmt.Sprint("many/", i), "value")
			handles[i] = typedsecret.New[string](fmt.Sprint("many/", i), typedsecret.WithCache(c))
		}
		go (typedsecret.Preloader{Interval: time.Minute}).Preload(t.Context(), handles...)
		synctest.Wait()
		start := time.Now()
		if err := typedsecret.Preload(t.Context(), handles[90:]...); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("it took %v", took)
		}
	})
}
