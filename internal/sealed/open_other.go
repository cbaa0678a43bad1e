//go:build !unix

package sealed

// dontWait is 0: no file is a named pipe here.
const dontWait = 0
