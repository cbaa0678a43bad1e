// Package drivers tests package rejected with the errors of real drivers and clients, and
// shows sqlsecret with other people's drivers. It has tests and examples only, so the
// library does not depend on the drivers.
package drivers
