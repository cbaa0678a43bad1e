package engine

import (
	"errors"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/sentinel"
	"github.com/typedsecret/typedsecret/secret"
)

// Package cache has these errors under the same names, and explains them.
var (
	ErrInvalidConfig = sentinel.ErrInvalidConfig
	ErrClosed        = errors.New("cache is closed")
	ErrNilCache      = errors.New("cache is nil or was not made by cache.New")
	ErrPanic         = guard.ErrPanic
	ErrSealedFile    = errors.New("sealed file can't be used")
	ErrHook          = secret.ErrHook
)
