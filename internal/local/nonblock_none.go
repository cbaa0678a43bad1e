//go:build js || plan9 || wasip1

package local

// Nonblock is 0, as package syscall has no such flag here.
const Nonblock = 0
