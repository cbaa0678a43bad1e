package sourcetest

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// Failed runs the suite without failing t, and returns what fails, by check.
func Failed(t testing.TB, h Harness) map[string][]string {
	failed := map[string][]string{}
	for _, c := range checks {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() { // which Fatalf ends
			defer close(done)
			c.run(&suite{TB: r, Harness: h, check: c.name})
		}()
		<-done
		if len(r.failures) > 0 {
			failed[c.name] = r.failures
		}
	}
	return failed
}

// A recorder notes failures in place of failing.
type recorder struct {
	testing.TB

	mu       sync.Mutex // guards failures
	failures []string
}

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, text)
}

func (r *recorder) Helper()                       {}
func (r *recorder) Log(...any)                    {}
func (r *recorder) Logf(string, ...any)           {}
func (r *recorder) Error(args ...any)             { r.note(fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, args ...any)  { r.note(fmt.Sprintf(f, args...)) }
func (r *recorder) Fatalf(f string, args ...any)  { r.note(fmt.Sprintf(f, args...)); runtime.Goexit() }
func (r *recorder) Skipf(format string, _ ...any) { runtime.Goexit() }
