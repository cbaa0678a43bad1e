// Package sentinel holds errors that packages share which don't import each other.
package sentinel

import "errors"

// ErrInvalidConfig is cache.ErrInvalidConfig, which package secret has a class for.
var ErrInvalidConfig = errors.New("invalid configuration")
