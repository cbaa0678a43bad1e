// Package redact holds what is shown in place of a secret.
package redact

// Text stands where a secret would be printed.
const Text = "[REDACTED]"
