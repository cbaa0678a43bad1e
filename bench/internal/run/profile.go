package run

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/pprof"
	"strings"

	"github.com/typedsecret/typedsecret/bench/internal/workload"
)

// profileName returns the path of a case's profiles, without the extension.
func profileName(folder string, w workload.Workload, c workload.Case) string {
	name := strings.NewReplacer("/", "-", ",", "-").Replace(fmt.Sprintf("%02d-%s-%s-%s", w.Number, w.Name, c.Row, c.Contender))
	return filepath.Join(folder, name)
}

// profiled runs measure under the CPU profiler if name is not empty. If heap is set, it
// instead gives measure the name of a heap profile, since a CPU profiler would distort
// that.
func profiled(name string, heap bool, measure func(heap string) (workload.Metrics, error)) (workload.Metrics, error) {
	if name == "" {
		return measure("")
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	if heap {
		runtime.MemProfileRate = 512 // a rate for heaps of a few megabytes
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

// Explain runs the case of a figure once more, under a profiler. It returns the top of the
// profile as text.
func (r *Runner) Explain(ctx context.Context, all []workload.Workload, of workload.Key) (text string, err error) {
	w, c, ok := caseOf(&r.Env, all, of)
	if !ok {
		return "", fmt.Errorf("no case is named %v", of)
	}
	folder, err := os.MkdirTemp("", "profile")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	again := Runner{
		Env: r.Env, Profile: folder, Log: r.Log,
		results: newResults(), servers: map[workload.Server]string{},
	}
	defer again.stopServers()
	if err := again.runCase(ctx, w, c, 0); err != nil {
		return "", err
	}
	return top(ctx, profileName(folder, w, c), c.Heap)
}

// caseOf finds the case of a figure. If a case measures several rows, their names share
// only the number at the end with the case's.
func caseOf(env *workload.Env, all []workload.Workload, of workload.Key) (workload.Workload, workload.Case, bool) {
	for _, w := range all {
		if w.Number != of.Workload {
			continue
		}
		_, number, _ := strings.Cut(of.Row, "=")
		for _, row := range []string{of.Row, "entries=" + number} {
			for _, c := range w.Cases(env) {
				if c.Contender == of.Contender && c.Row == row && !c.Virtual {
					return w, c, true
				}
			}
		}
	}
	return workload.Workload{}, workload.Case{}, false
}

// typeArguments matches the type arguments of generic functions, which make names longer
// than a line.
var typeArguments = regexp.MustCompile(`\[go\.shape\.[^\n]*\]`)

func top(ctx context.Context, name, heap string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	args := []string{"tool", "pprof", "-top", "-nodecount=12"}
	if heap == "" {
		name += ".cpu.pprof"
	} else {
		name += ".heap.pprof"
		args = append(args, "-sample_index="+heap)
	}
	if heap == "alloc_objects" {
		args = append(args, "-ignore=secretsmanager.*Client") // the SDK's share is known
	}
	out, err := exec.CommandContext(ctx, "go", append(args, self, name)...).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("go tool pprof: %w: %s", err, failed.Stderr)
	}
	_, rows, _ := strings.Cut(string(out), "flat  flat%")
	return "flat  flat%" + typeArguments.ReplaceAllString(rows, "[T]"), err
}
