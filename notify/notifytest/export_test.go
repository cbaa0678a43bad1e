package notifytest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// Failed runs the suite without failing t, and returns what fails and what is skipped or not
// checked, by check.
func Failed(t testing.TB, harness func(t testing.TB) Harness) (failed, unchecked map[string][]string) {
	failed, unchecked = map[string][]string{}, map[string][]string{}
	for _, c := range checks {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() { // which Fatalf ends
			defer close(done)
			c.run(newSuite(r, c.name, harness(r)))
		}()
		<-done
		if len(r.failures) > 0 {
			failed[c.name] = r.failures
		}
		if len(r.logs) > 0 {
			unchecked[c.name] = r.logs
		}
	}
	return failed, unchecked
}

// A recorder notes failures in place of failing.
type recorder struct {
	testing.TB

	mu             sync.Mutex // guards the rest
	failures, logs []string
}

func (r *recorder) note(to *[]string, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*to = append(*to, text)
}

func (r *recorder) Helper()                      {}
func (r *recorder) Logf(f string, args ...any)   { r.note(&r.logs, fmt.Sprintf(f, args...)) }
func (r *recorder) Errorf(f string, args ...any) { r.note(&r.failures, fmt.Sprintf(f, args...)) }
func (r *recorder) Fatal(args ...any)            { r.note(&r.failures, fmt.Sprint(args...)); runtime.Goexit() }
func (r *recorder) Fatalf(f string, args ...any) { r.Errorf(f, args...); runtime.Goexit() }
func (r *recorder) Skipf(f string, args ...any)  { r.Logf(f, args...); runtime.Goexit() }
