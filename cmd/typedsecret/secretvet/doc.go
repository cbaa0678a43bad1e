// Package secretvet reports where a program shows a secret that it read from AWS
// Secrets Manager: in a log, an error, a trace or an HTTP response.
package secretvet
