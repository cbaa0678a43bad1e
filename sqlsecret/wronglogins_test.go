package sqlsecret_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
)

// TestWrongLoginsInTheWindowOfARotation counts the wrong logins of a pool whose queries
// each need a login. A login takes 2 ms and a goroutine makes ten queries a second. So two
// logins of 64 goroutines are under way at once, and one of eight goroutines.
func TestWrongLoginsInTheWindowOfARotation(t *testing.T) {
	const (
		login = 2 * time.Millisecond
		pace  = 100 * time.Millisecond
	)
	for _, test := range []struct {
		name   string
		opts   []typedsecret.Option
		window time.Duration
		most   int // the most wrong logins of eight goroutines
		fails  bool
	}{
		{"by default", nil, 2 * time.Second, 3, false},
		{"a window of 8 s", nil, 8 * time.Second, 5, false},
		{"without a budget", options(typedsecret.WithRetryBudget(0)), 2 * time.Second, 3, true},
		{"pending", options(typedsecret.WithPending()), 2 * time.Second, 3, false},
		{"a bound", options(typedsecret.WithMaxRejections(4)), 2 * time.Second, 3, false},
		{"a bound, a window of 8 s", options(typedsecret.WithMaxRejections(4)), 8 * time.Second, 3, false},
		{"a bound, without end", options(typedsecret.WithMaxRejections(4)), time.Minute, 3, true},
		{"a bound, pending", options(typedsecret.WithMaxRejections(4), typedsecret.WithPending()), 2 * time.Second, 3, false},
	} {
		for _, goroutines := range []int{8, 64} {
			t.Run(fmt.Sprintf("%s/%d", test.name, goroutines), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := start(t, test.opts...)
					defer s.stop()
					s.fake.Latency = login
					s.sql.SetMaxIdleConns(-1)
					s.sql.SetMaxOpenConns(goroutines)
					ctx, stop := context.WithCancel(t.Context())
					var queries sync.WaitGroup
					for n := range goroutines {
						queries.Go(func() {
							time.Sleep(pace * time.Duration(n) / time.Duration(goroutines))
							for ctx.Err() == nil {
								if err := s.sql.Ping(); err != nil && !test.fails {
									t.Error(err)
								}
								time.Sleep(pace)
							}
						})
					}
					time.Sleep(time.Second)
					pending := s.server.Put(t, "prod/db", payload("app", "second"), "AWSPENDING")
					s.fake.SetPassword("app", "second")
					time.Sleep(test.window)
					s.server.Stage(t, "prod/db", "AWSCURRENT", pending)
					time.Sleep(2 * time.Second)
					most := test.most
					if goroutines > 8 && !strings.Contains(test.name, "bound") {
						most++ // the second login that is under way when the first is refused
					}
					if n := s.fake.Stats().Refused; n == 0 || n > most {
						t.Errorf("%d wrong logins, want %d at most", n, most)
					}
					stop()
					queries.Wait()
				})
			})
		}
	}
}

func options(opts ...typedsecret.Option) []typedsecret.Option { return opts }
