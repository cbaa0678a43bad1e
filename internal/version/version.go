// Package version says which release of the library this is.
package version

// Version goes into the user agent of each request.
const Version = "0.1.0"
