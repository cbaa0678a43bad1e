// Package redact holds the text that is shown in place of a secret.
package redact

// Text is printed in place of a secret.
const Text = "[REDACTED]"
