// Package version finds out which release of the library is in the program.
package version

import (
	"runtime/debug"
	"strings"
	"sync"
)

// module is the library's path in a program's build information.
const module = "github.com/typedsecret/typedsecret"

// unknown is the version of a library that was built from a working tree.
const unknown = "devel"

// Of returns the version of the library in this program, as the go command recorded
// it, without the leading v: 0.1.0, say. It goes into the user agent of each request.
var Of = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return unknown
	}
	return in(info)
})

// in returns the version that a program's build information gives for the library.
func in(info *debug.BuildInfo) string {
	for _, m := range append([]*debug.Module{&info.Main}, info.Deps...) {
		if m.Path != module {
			continue
		}
		if m.Replace != nil {
			m = m.Replace // a fork has versions of its own; a directory has none
		}
		if version, ok := strings.CutPrefix(m.Version, "v"); ok {
			return version
		}
	}
	return unknown
}
