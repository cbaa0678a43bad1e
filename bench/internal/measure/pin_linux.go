package measure

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// pin keeps this goroutine on the core-th of the processors that the process may use. The
// goroutine's thread ends with it. Without pin, a busy system runs the goroutines of a
// burst one after the other on one processor.
func pin(core int) {
	runtime.LockOSThread()
	var may, one unix.CPUSet
	if unix.SchedGetaffinity(0, &may) != nil {
		return // the measurement goes on without a pinned goroutine
	}
	for cpu := 0; cpu < 64*len(may); cpu++ {
		if !may.IsSet(cpu) {
			continue
		}
		if core == 0 {
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one)
			return
		}
		core--
	}
}
