package daemon

import (
	"errors"
	"os"
	"sync"
	"time"
)

// A Home is what a server of a test has on this machine: its folder, and its process. Either may be
// missing.
type Home struct {
	Dir     string
	Process *Process

	once sync.Once
	err  error // the error of Close
}

// Close stops the process, for which it waits for grace at most, and removes the folder. It may be
// called more than once.
func (h *Home) Close(grace time.Duration) error {
	h.once.Do(func() {
		if h.Process != nil {
			h.err = h.Process.Close(grace)
		}
		if h.Dir != "" {
			h.err = errors.Join(h.err, os.RemoveAll(h.Dir))
		}
	})
	return h.err
}
