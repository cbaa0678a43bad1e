package rejected

// maxErrors bounds how much of a tree is looked at, so that one that contains
// itself comes to an end.
const maxErrors = 1000

// anyIn reports whether is holds for an error in err's tree.
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

// holds is false for an error whose methods panic.
func holds(is func(error) bool, err error) (ok bool) {
	defer func() { _ = recover() }()
	return is(err)
}

// below returns what err wraps; nothing if its methods panic.
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
