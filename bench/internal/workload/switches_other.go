//go:build !unix

package workload

import "github.com/typedsecret/typedsecret/bench/internal/contender"

func switches() (int, error) {
	return 0, contender.Cannot("this system has no getrusage, so wake-ups can't be counted")
}
