package redact

import "reflect"

// An Identity answers errors.Is and errors.As for an error that is not itself in the chain,
// since its text may quote a secret. It is made of functions, into which nothing that prints
// can look.
type Identity struct {
	is func(target error) bool
	as func(target any) bool
}

// IdentityOf returns the identity of err, without what err wraps. errors.As finds err by its
// concrete type, and not by an interface.
func IdentityOf(err error) Identity {
	return Identity{
		is: func(target error) bool {
			if t := reflect.TypeOf(target); t != nil && t.Comparable() && err == target {
				return true
			}
			x, ok := err.(interface{ Is(error) bool })
			return ok && x.Is(target)
		},
		as: func(target any) bool {
			to := reflect.ValueOf(target).Elem()
			if to.Kind() == reflect.Interface {
				return false
			}
			if to.Type() == reflect.TypeOf(err) {
				to.Set(reflect.ValueOf(err))
				return true
			}
			x, ok := err.(interface{ As(any) bool })
			return ok && x.As(target)
		},
	}
}

// Is is called by errors.Is.
func (i Identity) Is(target error) bool { return i.is(target) }

// As is called by errors.As.
func (i Identity) As(target any) bool { return i.as(target) }
