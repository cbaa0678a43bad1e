package health

// maxBackends bounds what a source can have a Set remember that names more backends than
// there may be, such as one for each secret.
const maxBackends = 64

// A Set is the Health of each backend of a source. The zero Set is ready. The caller's lock
// guards it.
type Set struct {
	unnamed Health
	named   map[string]*Health
}

// Of returns the Health of the backend of this name, always the same one. A source that tells
// its backends not apart has one, whose name is "". So have the names that come after the
// first 64.
func (s *Set) Of(backend string) *Health {
	if backend == "" {
		return &s.unnamed
	}
	if h := s.named[backend]; h != nil {
		return h
	}
	if len(s.named) == maxBackends {
		return &s.unnamed
	}
	if s.named == nil {
		s.named = map[string]*Health{}
	}
	h := &Health{}
	s.named[backend] = h
	return h
}
