// Package goroutines counts the goroutines that a function has started, so that a test sees
// which stay behind.
package goroutines

import (
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"
)

const key = "group"

var groups atomic.Int64

// A Group is the goroutines that were started by the functions which Do has called, and those
// which they have started. Make one with [NewGroup].
type Group struct{ label string }

// NewGroup returns a group with no goroutine.
func NewGroup() Group { return Group{fmt.Sprint(groups.Add(1))} }

// Do calls a function on this goroutine. The function uses the context that it is given.
func (g Group) Do(ctx context.Context, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(key, g.label), f) // a goroutine inherits the labels
}

// Settle returns how many goroutines there are, once there are fewer than the limit or a
// second has passed: they may end soon after what they were started for.
func (g Group) Settle(limit int) int {
	for end := time.Now().Add(time.Second); ; time.Sleep(10 * time.Millisecond) {
		if n := g.count(); n < limit || time.Now().After(end) {
			return n
		}
	}
}

func (g Group) count() int {
	var profile strings.Builder
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return 0
	}
	total, alike := 0, 0
	for line := range strings.Lines(profile.String()) {
		// A number of goroutines alike, and in the next line their labels.
		if n, _ := fmt.Sscanf(line, "%d @ ", &alike); n == 1 {
			continue
		}
		if strings.HasPrefix(line, "# labels: ") && strings.Contains(line, fmt.Sprintf("%q:%q", key, g.label)) {
			total += alike
		}
	}
	return total
}
