//go:build js || plan9 || wasip1

package local

// Nonblock is 0, since package syscall has no such flag on this system.
const Nonblock = 0
