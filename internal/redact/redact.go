// Package redact shows a text in place of a secret, and keeps secrets out of errors.
package redact

// Text is printed in place of a secret.
const Text = "[REDACTED]"
