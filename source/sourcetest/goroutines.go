package sourcetest

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync/atomic"
	"time"
)

var labels atomic.Int64

// labelled runs a function so that the goroutines which it starts, and those which
// they start, can be told from all others in the process. It returns how many of
// them there are: they inherit a label.
func labelled(ctx context.Context, run func(context.Context)) (count func() int) {
	label := fmt.Sprint("run-", labels.Add(1))
	pprof.Do(ctx, pprof.Labels("sourcetest", label), run)
	return func() int {
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
			if strings.HasPrefix(line, "# labels: ") && strings.Contains(line, fmt.Sprintf("%q:%q", "sourcetest", label)) {
				total += alike
			}
		}
		return total
	}
}

// settle counts until there are fewer than the limit or some time has passed, since
// goroutines may end soon after what they were started for.
func settle(count func() int, limit int) int {
	for end := time.Now().Add(soon); ; runtime.Gosched() {
		if n := count(); n < limit || time.Now().After(end) {
			return n
		}
	}
}
