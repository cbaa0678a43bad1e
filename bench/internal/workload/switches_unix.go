//go:build unix

package workload

import "syscall"

// switches returns the voluntary context switches of this process so far.
func switches() (int, error) {
	var u syscall.Rusage
	err := syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return int(u.Nvcsw), err
}
