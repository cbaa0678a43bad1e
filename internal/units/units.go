// Package units catches durations that were written without their unit.
package units

import (
	"fmt"
	"time"
)

// Least is the shortest duration that a setting may have.
const Least = time.Millisecond

// Check returns an error if d, the setting of this name, is shorter than Least. Then the
// unit was surely left out, and Go took the number as nanoseconds.
func Check(name string, d time.Duration) error {
	if d <= 0 || d >= Least {
		return nil
	}
	return fmt.Errorf("%s is %v; it must be at least %v: did you mean %d * time.Second?", name, d, Least, int64(d))
}
