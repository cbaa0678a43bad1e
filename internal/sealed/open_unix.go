//go:build unix

package sealed

import "syscall"

// dontWait is a flag for opening a file. With it, opening a named pipe does not wait for
// its writer.
const dontWait = syscall.O_NONBLOCK
