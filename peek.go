package typedsecret

// Peek returns what the handle last decoded, and what is known of it, without a fetch, a wait
// or a hook: for a readiness check or a status page, say. It reports false if there is no such
// value: the handle was never read, nothing has decoded yet, or a Hook keeps the plaintext out
// of memory. The Info tells then what is known all the same, such as DecodeErr.
//
// The value may be stale, and the cache may know of a newer one. Peek does not count as a read,
// so it starts no refresh. As for [Secret.Get], a T that can be modified is decoded or cloned
// for each caller.
func (s *Secret[T]) Peek() (T, Info, bool) {
	var zero T
	if s.isZero() {
		return zero, Info{}, false
	}
	v := s.slot.view.Load()
	if v == nil || !v.fixed && defaultCache.Load() != v.snap.Cache() {
		return zero, Info{ID: s.id}, false
	}
	good := v.good()
	if good == nil || good.Hooked() {
		return zero, v.info(), false
	}
	value, err := s.dec.pointer(nil, v)
	if err != nil {
		return zero, v.info(), false
	}
	return *value, v.info(), true
}
