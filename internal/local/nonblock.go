//go:build !(js || plan9 || wasip1)

package local

import "syscall"

// Nonblock is the flag by which opening a named pipe does not wait for its writer.
const Nonblock = syscall.O_NONBLOCK
