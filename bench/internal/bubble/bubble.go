// Package bubble lets a command use the bubbles of testing/synctest, which only a test
// may make.
package bubble

import (
	"os"
	"testing"
)

// Main runs a command's main in a test, and exits with the number that it returns. Define
// flags before the call, and parse them in main.
func Main(main func(t *testing.T) (exit int)) {
	testing.Main(
		func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "main", F: func(t *testing.T) { os.Exit(main(t)) }}}, nil, nil)
}
