//go:build !unix

package sealed

// dontWait is 0, since this system has no files that are named pipes.
const dontWait = 0
