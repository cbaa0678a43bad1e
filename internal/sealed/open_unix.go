//go:build unix

package sealed

import "syscall"

// dontWait has the system open a named pipe without waiting for its writer.
const dontWait = syscall.O_NONBLOCK
