//go:build !(js || plan9 || wasip1)

package local

import "syscall"

// Nonblock is a flag for opening a file. With it, opening a named pipe does not wait for a
// writer.
const Nonblock = syscall.O_NONBLOCK
