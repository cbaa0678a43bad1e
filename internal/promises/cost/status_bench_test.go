package cost_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// BenchmarkStatus is a Status over 10,000 secrets, alone and while two goroutines read; it also
// says what their reads cost then.
func BenchmarkStatus(b *testing.B) {
	const n = 10_000
	source := secret.SourceFunc(func(_ context.Context, ref secret.Ref) (secret.Value, error) {
		return secret.Value{
			Payload: secret.StringPayload("v"), VersionID: "00000000-0000-4000-8000-000000000001", Name: ref.ID,
			ARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + ref.ID + "-a1B2c3", Stages: []string{"AWSCURRENT"},
		}, nil
	})
	for _, readers := range []int{0, 2} {
		b.Run(fmt.Sprint("readers=", readers), func(b *testing.B) {
			c, err := cache.New(source, cache.Config{MaxSize: n})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			refs := make([]secret.Ref, n)
			for i := range refs {
				refs[i].ID = fmt.Sprint("prod/", i)
				if _, err := c.Get(b.Context(), refs[i]); err != nil {
					b.Fatal(err)
				}
			}
			var stop atomic.Bool
			var reads atomic.Int64
			var running sync.WaitGroup
			for at := range readers {
				running.Go(func() {
					for i := at; !stop.Load(); i++ {
						_, _ = c.Get(context.Background(), refs[i%n])
						reads.Add(1)
					}
				})
			}
			b.ReportAllocs()
			for b.Loop() {
				if s := c.Status(); len(s.Secrets) != n {
					b.Fatal(len(s.Secrets))
				}
			}
			stop.Store(true)
			running.Wait()
			if readers > 0 {
				b.ReportMetric(float64(reads.Load())/b.Elapsed().Seconds(), "reads/s")
			}
		})
	}
}
