package outage_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// regional is a judged source of two regions, which the IDs name.
type regional struct{ judged }

func (*regional) Backend(ref secret.Ref) string {
	region, _, _ := strings.Cut(ref.ID, "/")
	return region
}

// TestARegionThatIsDownStopsNoOther: the secrets of the other region are fetched as before, old
// and new ones, and those of the first are asked for by one probe.
func TestARegionThatIsDownStopsNoOther(t *testing.T) {
	for name, down := range map[string]func(s *regional){
		"fails": func(s *regional) {
			s.set(func(id string) error {
				if strings.HasPrefix(id, "west") {
					return secret.ErrUnavailable
				}
				return nil
			})
		},
		"times out": func(s *regional) {
			s.set(func(id string) error {
				if strings.HasPrefix(id, "west") {
					time.Sleep(3 * time.Second)
					return fmt.Errorf("%w: no answer", secret.ErrTimeout)
				}
				return nil
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &regional{}
				c := caching(t, s, cache.Config{TTL: time.Minute})
				var west, east []string
				for i := range 10 {
					west, east = append(west, fmt.Sprint("west/", i)), append(east, fmt.Sprint("east/", i))
				}
				for _, id := range append(west, east...) {
					if err := get(t, c, id); err != nil {
						t.Fatal(err)
					}
				}
				down(s)
				time.Sleep(time.Minute)
				for range 10 { // both regions are read
					reading(t, c, west, 30*time.Second, nil)
					s.forget()
					reading(t, c, east, 30*time.Second, func(id string, err error) {
						if v, _ := c.Get(t.Context(), secret.Ref{ID: id}); err != nil || time.Since(v.FetchedAt) > time.Minute+time.Second {
							t.Errorf("%s: %v, fetched %v ago", id, err, time.Since(v.FetchedAt))
						}
					})
				}
				for i := range 20 {
					began := time.Now()
					if err := get(t, c, fmt.Sprint("east/new/", i)); err != nil || time.Since(began) > 0 {
						t.Errorf("a new secret of the region that is up: %v, after %v", err, time.Since(began))
					}
				}
				s.forget()
				reading(t, c, west, time.Minute, nil)
				if n := s.count(); n > 30 {
					t.Errorf("the region that is down got %d calls in a minute", n)
				}
				if err := get(t, c, "west/new"); !errors.Is(err, secret.ErrUnavailable) && !errors.Is(err, secret.ErrTimeout) {
					t.Errorf("a new secret of the region that is down: %v", err)
				}
			})
		})
	}
}
