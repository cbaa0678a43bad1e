package typedsecret

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/typedsecret/typedsecret/status"
)

// Status returns what the handle knows of its secret, without a fetch, a wait, a hook or a
// codec. It counts as no read.
func (s *Secret[T]) Status() status.Handle {
	h := status.Handle{Type: reflect.TypeFor[T]().String()}
	if s.isZero() {
		h.State, h.Misuse = status.Absent, ErrZeroHandle.Error()
		return h
	}
	ref := s.ref()
	h.Secret = status.Secret{ID: ref.ID, Stage: ref.Stage, PinnedVersion: ref.VersionID, State: status.Absent}
	if err := s.Err(); err != nil {
		h.Misuse = err.Error()
	}
	if e := s.entry.Load(); e != nil && s.dec.set.bound(e.Cache()) {
		h.Secret = e.Status()
	}
	v := s.slot.view.Load()
	if v == nil || !s.dec.set.bound(v.snap.Cache()) {
		return h
	}
	if good := v.good(); good != nil {
		h.Decoded, h.DecodedVersion = true, good.VersionID()
	}
	if err := v.err(); err != nil {
		h.DecodeError, h.UndecodableVersion = err.Error(), v.snap.VersionID()
	}
	if g := s.gate.Load(); g != nil {
		h.Rejections = g.rejections(v.snap)
	}
	return h
}

// notReady returns why the handle has no value that is at most maxAge old, or nil.
func (s *Secret[T]) notReady(maxAge time.Duration) error {
	if err := s.Err(); err != nil {
		return err
	}
	v := s.slot.view.Load()
	if v == nil || !s.dec.set.bound(v.snap.Cache()) {
		return &Error{Ref: s.ref(), Err: errors.New("not ready: it was never read; call Preload first")}
	}
	good := v.good()
	if good == nil {
		return &Error{Ref: v.snap.Ref(), Err: fmt.Errorf("not ready: no version decodes: %w", v.err())}
	}
	if age := good.Age(); maxAge > 0 && age > maxAge {
		err := fmt.Errorf("not ready: its value is %v old, and %v is allowed", age.Round(time.Millisecond), maxAge)
		if _, failed := v.snap.State(); failed != nil {
			err = fmt.Errorf("%w: %w", err, failed)
		} else if bad := v.err(); bad != nil {
			err = fmt.Errorf("%w: %w", err, bad)
		}
		return &Error{Ref: good.Ref(), Err: err}
	}
	return nil
}

// Status returns what each handle of the Set knows, in the order in which they were made.
func (s *Set) Status() []status.Handle {
	all := []status.Handle{}
	for _, h := range s.Handles() {
		all = append(all, h.Status())
	}
	return all
}

// Ready returns nil if each handle of the Set has a value that decodes and was fetched at most
// maxAge ago; 0 allows any age. Else the error joins the reasons, an [*Error] for each handle
// that is not ready. Ready makes no request and waits for none, so a handle that was never read
// is not ready: call Preload at the start.
//
// A value that is served stale in an outage is good enough up to maxAge. So a maxAge well over
// the cache's TTL, or 0, keeps a Secrets Manager that is down from taking the service down too.
func (s *Set) Ready(maxAge time.Duration) error {
	var errs []error
	for _, h := range s.Handles() {
		errs = append(errs, h.notReady(maxAge))
	}
	return errors.Join(errs...)
}

// ReadyHandler returns an http.Handler for a path such as /readyz: it answers 200 and "ok" if
// [Set.Ready] is nil, else 503 and the reasons, a line each. They name secrets and hold none.
func (s *Set) ReadyHandler(maxAge time.Duration) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := s.Ready(maxAge); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, err)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}
