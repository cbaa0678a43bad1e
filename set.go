package typedsecret

import (
	"context"
	"slices"
	"sync"
)

// A Set gathers handles, by the option [WithSet]: those of a program, say, so that it can
// preload them all.
//
//	var app typedsecret.Set
//	var db = typedsecret.New[DBCreds]("prod/db", typedsecret.WithSet(&app))
//
//	err := app.Preload(ctx)
//
// The zero Set is empty. A Set keeps its handles, and is safe for concurrent use. It must not
// be copied.
type Set struct {
	mu      sync.Mutex // guards handles
	handles []Handle
}

// WithSet adds the handle to s. A package variable may be used before it is initialised, so s
// may be declared in any file.
func WithSet(s *Set) Option {
	return func(set *settings) {
		if s == nil {
			set.refuse("the Set is nil; leave WithSet out for none")
		}
		set.set = s
	}
}

// Handles returns the handles of the Set, in the order in which they were made.
func (s *Set) Handles() []Handle {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.handles)
}

// Preload is the function [Preload] for the handles of the Set. A [Preloader] takes them from
// Handles.
func (s *Set) Preload(ctx context.Context) error { return Preload(ctx, s.Handles()...) }

func (s *Set) add(h Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handles = append(s.handles, h)
}
