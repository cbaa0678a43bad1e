package rejected

// maxErrors bounds how many errors of a tree are looked at, since a tree may contain
// itself.
const maxErrors = 1000

// anyIn reports whether is returns true for an error in err's tree.
func anyIn(err error, is func(error) bool) bool {
	pending := []error{err}
	for i := 0; i < len(pending) && i < maxErrors; i++ {
		if err := pending[i]; err != nil {
			if holds(is, err) {
				return true
			}
			pending = append(pending, below(err)...)
		}
	}
	return false
}

// holds returns is(err), or false if a method of err panics.
func holds(is func(error) bool, err error) (ok bool) {
	defer func() { _ = recover() }()
	return is(err)
}

// below returns the errors that err wraps, or none if its methods panic.
func below(err error) (errs []error) {
	defer func() { _ = recover() }()
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	}
	return nil
}
