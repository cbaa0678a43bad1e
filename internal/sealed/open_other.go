//go:build !unix

package sealed

// dontWait is of no use where files are no pipes.
const dontWait = 0
