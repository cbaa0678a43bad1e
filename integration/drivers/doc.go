// Package drivers holds package rejected against the errors of real drivers and
// clients, and shows sqlsecret with drivers of others. It has tests and examples only:
// the drivers are no dependency of the library.
package drivers
