package engine_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// TestProcessesThatShareASealedFileLeaveThereWhatWasLearntLast, whatever they do in which
// order, and also if they start anew.
func TestProcessesThatShareASealedFileLeaveThereWhatWasLearntLast(t *testing.T) {
	const sequences, steps = 20, 30
	for seed := range uint64(sequences) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			virtual(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 0))
				ids := []string{"a", "b", "c"}
				s := serving(ids...)
				cfg := engine.Config{Backoff: every(time.Second)}.WithSealedFile(filepath.Join(t.TempDir(), "secrets.sealed"), gcm(t, "key"))
				processes := []*engine.Cache{open(t, s, cfg), open(t, s, cfg), open(t, s, cfg)}
				want := map[string]string{} // by ID: the payload, and how it is marked
				for step := range steps {
					p, id := rng.IntN(len(processes)), ids[rng.IntN(len(ids))]
					switch rng.IntN(8) {
					case 0:
						processes[p].Close()
						processes[p] = open(t, s, cfg)
						continue
					case 1, 2:
						gone := []error{secret.ErrNotFound, secret.ErrDeleted}[rng.IntN(2)]
						s.fail(gone)
						delete(want, id)
					case 3, 4:
						s.fail(secret.ErrAccessDenied)
						if payload, has := want[id]; has {
							want[id] = payload[:len(id)+4] + " denied"
						}
					default:
						version := fmt.Sprintf("v%02d", step)
						s.rotate(id, version)
						want[id] = id + " " + version
					}
					processes[p].Refresh(t.Context(), ref(id))
					s.mend()
					time.Sleep(2 * time.Second)
				}
				var told error
				cfg.StaleIfError = func(err error, _ time.Duration) bool { told = err; return true }
				s.fail(secret.ErrUnavailable)
				after, got := open(t, s, cfg), map[string]string{}
				for _, id := range ids {
					v, err := after.Get(t.Context(), ref(id))
					if err != nil {
						continue
					}
					got[id] = v.Payload.Reveal()
					if errors.Is(told, secret.ErrAccessDenied) {
						got[id] += " denied"
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		})
	}
}
