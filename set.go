package typedsecret

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// A Set gathers handles, by the option [WithSet] or by [Set.Fill]: those of a program, say, so
// that it can preload them all and read them all under one prefix.
//
//	var app = typedsecret.Set{Prefix: "prod/"}
//	var db = typedsecret.New[DBCreds]("db", typedsecret.WithSet(&app)) // reads prod/db
//
//	err := app.Preload(ctx)
//
// The zero Set is empty. A Set keeps its handles, and its methods are safe for concurrent use.
// Its fields are read when a handle is made, so set them before. It must not be copied.
type Set struct {
	// Prefix is put before the ID of each handle, unless that is an ARN.
	Prefix string
	// Options are those of each handle. An option that the handle has too counts more.
	Options []Option

	mu      sync.Mutex // guards handles
	handles []Handle
}

// WithSet adds the handle to s, and gives it the Prefix and the Options of s. Go initialises a
// package variable before those whose declarations name it, so s may be declared in any file.
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

// name returns the ID of a handle that is declared as id.
func (s *Set) name(id string) string {
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	return s.Prefix + id
}
