// Package b has a type, for the tests of package check.
package b

// T is read from a secret.
type T struct{ Host string }
