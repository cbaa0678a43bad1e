// Package recipes shows how typedsecret is used with pools and clients of
// others. It is a module of its own, so that their dependencies don't become
// those of the library.
package recipes
