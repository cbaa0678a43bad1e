package run

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// profileName is the path, without its end, of the profiles of a case.
func profileName(folder string, w workload.Workload, c workload.Case) string {
	name := strings.NewReplacer("/", "-", ",", "-").Replace(fmt.Sprintf("%02d-%s-%s-%s", w.Number, w.Name, c.Row, c.Contender))
	return filepath.Join(folder, name)
}

// profiled runs measure under the CPU profiler if name is not empty; or, if heap is
// set, hands it a name for a heap profile, which a CPU profile would spoil.
func profiled(name string, heap bool, measure func(heap string) (workload.Metrics, error)) (workload.Metrics, error) {
	if name == "" {
		return measure("")
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	if heap {
		runtime.MemProfileRate = 512 // fine enough for a heap of a few megabytes
		return measure(name + ".heap.pprof")
	}
	f, err := os.Create(name + ".cpu.pprof")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	defer pprof.StopCPUProfile()
	return measure("")
}
