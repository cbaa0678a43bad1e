package typedsecret

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/status"
)

// A Set gathers handles, by the option [WithSet] or by [Set.Fill]. A program can then
// preload all of them together, and read them under one prefix.
//
//	var app = typedsecret.Set{Prefix: "prod/"}
//	var db = typedsecret.New[DBCreds]("db", typedsecret.WithSet(&app)) // reads prod/db
//
//	err := app.Preload(ctx)
//
// The zero Set is empty. A Set keeps its handles. Its methods are safe for concurrent use.
// Its fields count when a handle is made, so set them before. It must not be copied.
type Set struct {
	// Prefix is put before the ID of each handle, unless that is an ARN.
	Prefix string
	// Options are given to each handle. The handle's own options take precedence.
	Options []Option

	mu      sync.Mutex // guards handles
	handles []Handle
}

// WithSet adds the handle to s, and gives it the Prefix and the Options of s. A [ByID] gets
// these too, and is not added, since it is of no single secret. The Set may be declared in any
// file, since Go initialises it before a handle whose declaration names it.
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

// Preload calls the function [Preload] for the handles of the Set. For a [Preloader], pass
// it the result of Handles.
func (s *Set) Preload(ctx context.Context) error { return Preload(ctx, s.Handles()...) }

func (s *Set) add(h Handle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handles = append(s.handles, h)
}

// name returns the ID of a handle that is declared with id.
func (s *Set) name(id string) string { return prefixed(s.Prefix, id) }

// prefixed returns id behind the prefix, unless id is an ARN. An empty ID stays empty, and so
// an error.
func prefixed(prefix, id string) string {
	if id == "" || strings.HasPrefix(id, "arn:") {
		return id
	}
	return prefix + id
}

// tagName is the key of the tags that Fill reads.
const tagName = "secret"

// Fill makes the handles of a struct, and adds them to the Set. The argument is a pointer
// to the struct. Each field that has a tag gets a handle on the secret of that name.
//
//	var secrets struct {
//		DB      *typedsecret.Secret[DBCreds]  `secret:"prod/db"`
//		Signing *typedsecret.Secret[[]byte]   `secret:"prod/signing,stage=AWSPREVIOUS"`
//		Key     *typedsecret.Secret[string]   `secret:"prod/api,key=token"`
//	}
//	err := app.Fill(&secrets)
//
// The name may be followed, after commas, by stage=… for [WithStage], version=… for
// [WithVersionID] and key=… for [WithKey]. The other options come from the Set. A field
// that is itself a struct is filled too. A *Secret that Fill is to leave alone has the tag
// `secret:"-"`; other fields need none.
//
// The error joins all mistakes, and names their fields: a tag on a field of another type or
// on an unexported one, a tag without a name, an option that is unknown or given twice, and
// the error of [Secret.Err]. After an error no field is changed. Fill does no I/O.
func (s *Set) Fill(into any) error {
	v := reflect.ValueOf(into)
	if s == nil || v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("%w: Fill needs a Set and a pointer to a struct, not a %T", ErrInvalidConfig, into)
	}
	if newSettings(s.Options).set != nil {
		return fmt.Errorf("%w: WithSet is no option for Set.Options", ErrInvalidConfig)
	}
	f := filler{set: s}
	f.walk(v.Elem(), "")
	if err := errors.Join(f.errs...); err != nil {
		return err
	}
	for _, made := range f.made {
		made.field.Set(reflect.ValueOf(made.handle))
		s.add(made.handle)
	}
	return nil
}

// A filler fills one struct.
type filler struct {
	set  *Set
	made []filled
	errs []error
}

type filled struct {
	field  reflect.Value
	handle Handle
}

// handleMaker is implemented by *Secret[T], also by a nil one.
type handleMaker interface {
	newAlike(id string, opts []Option) Handle
}

// newAlike makes a Secret of the same T.
func (*Secret[T]) newAlike(id string, opts []Option) Handle { return New[T](id, opts...) }

func (f *filler) walk(v reflect.Value, path string) {
	for field, value := range v.Fields() {
		name := path + field.Name
		tag, isTagged := field.Tag.Lookup(tagName)
		switch {
		case strings.Count(string(field.Tag), tagName+`:"`) > 1:
			f.fail(name, "it has the tag twice")
		case !isTagged && field.Type.Kind() == reflect.Struct && field.IsExported():
			f.walk(value, name+".")
		case tag == "-":
		case !isTagged:
			if isSecret := field.Type.Implements(reflect.TypeFor[handleMaker]()); isSecret && field.IsExported() && value.IsNil() {
				f.fail(name, `it has no tag; write secret:"prod/db", or secret:"-" to leave it alone`)
			}
		case !field.IsExported():
			f.fail(name, "it is unexported, so it can't be set")
		default:
			f.fill(value, name, tag)
		}
	}
}

func (f *filler) fill(value reflect.Value, name, tag string) {
	maker, isSecret := value.Interface().(handleMaker)
	if !isSecret {
		f.fail(name, "it is a %v; a field with the tag must be a *typedsecret.Secret", value.Type())
		return
	}
	if !value.IsNil() {
		f.fail(name, "it has a handle already")
		return
	}
	id, opts, err := parseTag(tag)
	if err != nil {
		f.fail(name, "%w", err)
		return
	}
	h := maker.newAlike(f.set.name(id), append(f.set.Options[:len(f.set.Options):len(f.set.Options)], opts...))
	if err := h.Err(); err != nil {
		f.errs = append(f.errs, fmt.Errorf("field %s: %w", name, err))
		return
	}
	f.made = append(f.made, filled{value, h})
}

func (f *filler) fail(field, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%w: field %s: "+format, append([]any{ErrInvalidConfig, field}, args...)...))
}

// parseTag returns the name and the options of a tag.
func parseTag(tag string) (id string, opts []Option, err error) {
	id, rest, more := strings.Cut(tag, ",")
	if id == "" {
		return "", nil, errors.New(`the tag has no name; write secret:"prod/db"`)
	}
	given := map[string]bool{}
	for more {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		option, value, _ := strings.Cut(part, "=")
		if given[option] {
			return "", nil, fmt.Errorf("the tag's option %q is given twice", option)
		}
		given[option] = true
		switch option {
		case "stage":
			opts = append(opts, WithStage(value))
		case "version":
			opts = append(opts, WithVersionID(value))
		case "key":
			opts = append(opts, WithKey(value))
		default:
			return "", nil, fmt.Errorf("the tag's option %q is not known; the known are stage, version and key", option)
		}
	}
	return id, opts, nil
}

// Status returns what the handle knows about its secret. It does no fetch, waits for
// nothing, and calls no hook and no codec. It does not count as a read.
func (s *Secret[T]) Status() status.Handle {
	h := status.Handle{Type: reflect.TypeFor[T]().String()}
	if s.isZero() {
		h.State, h.Misuse = status.Absent, ErrZeroHandle.Error()
		return h
	}
	c := s.dec.set.present()
	ref := c.Resolve(s.ref())
	h.Secret = status.Secret{ID: ref.ID, Stage: ref.Stage, PinnedVersion: ref.VersionID, State: status.Absent}
	if err := s.Err(); err != nil {
		h.Misuse = err.Error()
	}
	if c != nil && c.IsClosed() {
		h.State = status.Closed
		return h
	}
	if h.Misuse == "" {
		h.NextFetch = time.Now() // the first read fetches
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

// noWait is a context that has ended.
var noWait = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

// notReady returns why the handle has no value that is at most maxAge old, or nil.
func (s *Secret[T]) notReady(maxAge time.Duration) error {
	if err := s.Err(); err != nil {
		return err
	}
	if c := s.dec.set.present(); c != nil && c.IsClosed() {
		return &Error{Ref: s.ref(), Err: fmt.Errorf("not ready: %w", ErrClosed)}
	}
	v := s.slot.view.Load()
	if v == nil || !s.dec.set.bound(v.snap.Cache()) {
		return &Error{Ref: s.ref(), Err: s.neverRead()}
	}
	good := v.good()
	if good == nil {
		return &Error{Ref: v.snap.Ref(), Err: fmt.Errorf("not ready: no version decodes: %w", v.err())}
	}
	e := s.entry.Load()
	newest := good // or what another handle read of the same version since
	if e != nil && e.Cache() == good.Cache() && e.Snapshot().Same(good) {
		newest = e.Snapshot()
	}
	if age := newest.Age(); maxAge > 0 && age > maxAge {
		if e != nil {
			_, _ = e.Get(noWait) // begins the refresh and does not wait; nobody may have read it
		}
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

// neverRead says why a handle that never had a version has none.
func (s *Secret[T]) neverRead() error {
	if e := s.entry.Load(); e != nil && s.dec.set.bound(e.Cache()) {
		if err := e.Failure(); err != nil {
			return fmt.Errorf("not ready: its first fetch failed: %w", err)
		}
	}
	return errors.New("not ready: it was never read; call Preload first")
}

// Status returns the status of each handle of the Set, in the order in which they were
// made.
func (s *Set) Status() []status.Handle {
	all := []status.Handle{}
	for _, h := range s.Handles() {
		all = append(all, h.Status())
	}
	return all
}

// Ready returns nil if each handle of the Set has a value that decodes and was fetched at
// most maxAge ago; 0 allows any age. Otherwise the error joins an [*Error] for each handle
// that is not ready. Ready waits for no request, so a handle that was never read is not
// ready: call Preload at the start. If a value is too old because nobody reads it, Ready
// starts its refresh, and the next Ready finds the new value. A handle whose cache was closed is
// not ready, and the error wraps [ErrClosed].
//
// A stale value in an outage is good enough up to maxAge. So with a maxAge well over the
// cache's TTL, or 0, an outage of Secrets Manager does not make the service unready.
func (s *Set) Ready(maxAge time.Duration) error {
	var errs []error
	for _, h := range s.Handles() {
		errs = append(errs, h.notReady(maxAge))
	}
	return errors.Join(errs...)
}

// ReadyHandler returns an http.Handler for a path such as /readyz. It answers 200 and "ok"
// if [Set.Ready] returns nil. Otherwise it answers 503 and the reasons, with a line for
// each. They name secrets, but hold no values.
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
