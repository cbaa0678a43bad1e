package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/secret"
)

const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"

	// soon is how long a Fetch may take to notice that its context is done.
	soon = time.Second

	// largest is the size limit of Secrets Manager.
	largest = 65_536
)

// marker is a secret of which no 4-byte piece occurs in ordinary text.
const marker = "Zq7!Xw9@Kv3#Jp5$Ym1%Ub8^Tn2&Rc6*"

var checks = []struct {
	name string
	run  func(*suite)
}{
	{"text", (*suite).text},
	{"binary", (*suite).binary},
	{"exact-bytes", (*suite).exactBytes},
	{"empty", (*suite).empty},
	{"rotation", (*suite).rotation},
	{"previous-stage", (*suite).previousStage},
	{"pinned-version", (*suite).pinnedVersion},
	{"not-found", (*suite).notFound},
	{"removed", (*suite).removed},
	{"cancelled", (*suite).cancelled},
	{"deadline", (*suite).deadline},
	{"concurrent-use", (*suite).concurrentUse},
	{"no-shared-memory", (*suite).noSharedMemory},
	{"failures", (*suite).failures},
	{"one-request-a-fetch", (*suite).oneRequest},
	{"many", (*suite).many},
	{"many-failures", (*suite).manyFailures},
}

// A suite is the Harness in one check. It is a testing.TB so that the suite's
// own test can take note of failures in place of failing.
type suite struct {
	testing.TB
	Harness
	check string
}

// id names a secret of this check's own.
func (s *suite) id(name string) string {
	name = "sourcetest-" + s.check + "-" + name
	if s.ID == nil {
		return name
	}
	return s.ID(name)
}

// needs ends the check if the source can't do what it is about.
func (s *suite) needs(has bool, what string) {
	s.Helper()
	if !has {
		s.Skipf("not checked: the Harness has no %s", what)
	}
}

// current is what a cache asks for unless the program says otherwise.
func (s *suite) current(id string) secret.Ref { return secret.Ref{ID: id, Stage: stageCurrent} }

type result struct {
	value secret.Value
	err   error
	took  time.Duration
}

// fetch gives up on a Fetch that takes for ever.
func (s *suite) fetch(ctx context.Context, ref secret.Ref) result {
	s.Helper()
	ch := make(chan result, 1)
	go func() {
		start := time.Now()
		v, err := s.Source.Fetch(ctx, ref)
		ch <- result{v, err, time.Since(start)}
	}()
	timeout := time.NewTimer(10 * soon)
	defer timeout.Stop()
	select {
	case r := <-ch:
		return r
	case <-timeout.C:
		s.Fatalf("Fetch of %v has not returned in %v", ref, 10*soon)
	case <-ctx.Done():
		select {
		case r := <-ch:
			return r
		case <-time.After(soon):
			s.Fatalf("Fetch of %v has not returned %v after its context was done", ref, soon)
		}
	}
	panic("unreachable")
}

func (s *suite) mustFetch(ref secret.Ref) secret.Value {
	s.Helper()
	r := s.fetch(s.Context(), ref)
	if r.err != nil {
		s.Fatalf("Fetch of %v: %v", ref, r.err)
	}
	s.checkAbout(ref, r.value)
	return r.value
}

// checkAbout checks what comes with a value.
func (s *suite) checkAbout(ref secret.Ref, v secret.Value) {
	s.Helper()
	if !v.FetchedAt.IsZero() {
		s.Error("FetchedAt is set; that is the cache's to do")
	}
	if s.Stages && ref.Stage != "" && !slices.Contains(v.Stages, ref.Stage) {
		s.Errorf("asked for stage %s, and the version says that its stages are %q", ref.Stage, v.Stages)
	}
	// An ARN has more in it than the name.
	if v.Name != "" && v.Name != ref.ID && !(strings.HasPrefix(ref.ID, "arn:") && strings.Contains(ref.ID, v.Name)) {
		s.Errorf("asked for %s, and the name is %q", ref.ID, v.Name)
	}
}

// checkValue shows no more of a value than its size: it may be real.
func (s *suite) checkValue(v secret.Value, want string, binary bool) {
	s.Helper()
	if v.Payload.IsBinary() != binary {
		s.Errorf("Payload.IsBinary() is %v, want %v", v.Payload.IsBinary(), binary)
	}
	if got := v.Payload.Reveal(); got != want {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		s.Errorf("the value fetched is not the one put: %d bytes, want %d; they differ from byte %d on", len(got), len(want), at)
	}
}

func (s *suite) text() {
	id := s.id("a")
	s.Put(s, id, `{"user":"app"}`)
	v := s.mustFetch(s.current(id))
	s.checkValue(v, `{"user":"app"}`, false)
	if s.VersionIDs && v.VersionID == "" {
		s.Error("no version ID")
	}
}

func (s *suite) binary() {
	s.needs(s.PutBinary != nil, "PutBinary")
	id := s.id("a")
	s.PutBinary(s, id, []byte("text for its bytes, binary for its kind"))
	s.checkValue(s.mustFetch(s.current(id)), "text for its bytes, binary for its kind", true)
}

func (s *suite) exactBytes() {
	texts := map[string]string{
		"spaces":  " \t leading and trailing \r\n",
		"nul":     "a\x00b",
		"utf8":    "pässwörd 密码 🔑 e\u0301",
		"bom":     "\ufeffBOM",
		"escapes": `"\u0041\n\\" </script> & %41`,
		"json":    ` { "b" : 1.0, "a" : 2 , "a" : 3 } `,
		"largest": strings.Repeat("0123456789abcdef", largest/16),
	}
	for name, want := range texts {
		id := s.id("text-" + name)
		s.Put(s, id, want)
		s.checkValue(s.mustFetch(s.current(id)), want, false)
	}
	if s.PutBinary == nil {
		s.Log("not checked for binary values: the Harness has no PutBinary")
		return
	}
	all := make([]byte, largest)
	for i := range all {
		all[i] = byte(i)
	}
	for name, want := range map[string][]byte{
		"nul": {0}, "not-utf8": {0xff, 0xfe, 0xc0, 0x80}, "newline": []byte("a\n"), "largest": all,
	} {
		id := s.id("binary-" + name)
		s.PutBinary(s, id, bytes.Clone(want))
		s.checkValue(s.mustFetch(s.current(id)), string(want), true)
	}
}

func (s *suite) empty() {
	s.needs(s.Empty, "Empty")
	id := s.id("text")
	s.Put(s, id, "")
	s.checkValue(s.mustFetch(s.current(id)), "", false)
	if s.PutBinary != nil {
		id = s.id("binary")
		s.PutBinary(s, id, []byte{})
		s.checkValue(s.mustFetch(s.current(id)), "", true)
	}
}

func (s *suite) rotation() {
	s.needs(s.Rotate != nil, "Rotate")
	id := s.id("a")
	s.Put(s, id, "one")
	one := s.mustFetch(s.current(id))
	again := s.mustFetch(s.current(id))
	if again.VersionID != one.VersionID {
		s.Errorf("the version ID went from %q to %q without a rotation", one.VersionID, again.VersionID)
	}
	seen := map[string]bool{one.VersionID: true}
	last := one
	for _, value := range []string{"two", "one", "one"} {
		s.Rotate(s, id, value)
		v := s.mustFetch(s.current(id))
		s.checkValue(v, value, false)
		// Where versions are not kept, the same bytes again may be the same version.
		isSame := !s.Pinning && v.Payload.Equal(last.Payload) && v.VersionID == last.VersionID
		last = v
		if s.VersionIDs && seen[v.VersionID] && !isSame {
			s.Errorf("rotated, and the version ID is one that was there before: %q", v.VersionID)
		}
		seen[v.VersionID] = true
	}
	s.checkValue(one, "one", false)
}

func (s *suite) previousStage() {
	s.needs(s.Stages && s.Rotate != nil, "Stages or no Rotate")
	id := s.id("a")
	s.Put(s, id, "one")
	one := s.mustFetch(s.current(id))
	s.Rotate(s, id, "two")
	two, previous := s.mustFetch(s.current(id)), s.mustFetch(secret.Ref{ID: id, Stage: stagePrevious})
	s.checkValue(two, "two", false)
	s.checkValue(previous, "one", false)
	if previous.VersionID != one.VersionID {
		s.Errorf("%s is version %q, want %q, which was current before", stagePrevious, previous.VersionID, one.VersionID)
	}
	for stage, v := range map[string]secret.Value{stageCurrent: two, stagePrevious: previous} {
		if fmt.Sprint(v.Stages) != "["+stage+"]" {
			s.Errorf("the version with stage %s says that its stages are %q", stage, v.Stages)
		}
	}
}

func (s *suite) pinnedVersion() {
	s.needs(s.Pinning && s.Rotate != nil, "Pinning or no Rotate")
	id := s.id("a")
	s.Put(s, id, "one")
	one := s.mustFetch(s.current(id))
	s.Rotate(s, id, "two")
	two := s.mustFetch(s.current(id))
	for _, pin := range []secret.Value{one, two} {
		v := s.mustFetch(secret.Ref{ID: id, VersionID: pin.VersionID})
		s.checkValue(v, pin.Payload.Reveal(), false)
		if v.VersionID != pin.VersionID {
			s.Errorf("asked for version %q, got %q", pin.VersionID, v.VersionID)
		}
	}
	if s.Stages {
		s.checkValue(s.mustFetch(secret.Ref{ID: id, Stage: stagePrevious, VersionID: one.VersionID}), "one", false)
		ref := secret.Ref{ID: id, Stage: stagePrevious, VersionID: two.VersionID}
		if err := s.fetch(s.Context(), ref).err; !errors.Is(err, secret.ErrInvalidRequest) && !errors.Is(err, secret.ErrNotFound) {
			s.Errorf("version and stage don't belong together, and the error is %v", err)
		}
	}
}

func (s *suite) notFound() {
	id := s.id("a")
	s.Put(s, id, marker)
	s.mustFetch(s.current(id))
	refs := []secret.Ref{s.current(s.id("never-was"))}
	if s.Stages {
		refs = append(refs, secret.Ref{ID: id, Stage: "NO_SUCH_STAGE"}, secret.Ref{ID: id, Stage: stagePrevious})
	} else {
		s.Log("not checked for a stage: the Harness has no Stages")
	}
	if s.Pinning {
		refs = append(refs, secret.Ref{ID: id, VersionID: "00000000-0000-4000-8000-000000000000"})
	} else {
		s.Log("not checked for a version: the Harness has no Pinning")
	}
	for _, ref := range refs {
		err := s.fetch(s.Context(), ref).err
		if !errors.Is(err, secret.ErrNotFound) {
			s.Errorf("%v does not exist, and the error is %v", ref, err)
		}
		s.checkSilent(err)
	}
}

func (s *suite) removed() {
	s.needs(s.Remove != nil, "Remove")
	id := s.id("a")
	s.Put(s, id, marker)
	s.mustFetch(s.current(id))
	s.Remove(s, id)
	err := s.fetch(s.Context(), s.current(id)).err
	if !errors.Is(err, secret.ErrNotFound) && !errors.Is(err, secret.ErrDeleted) {
		s.Errorf("the secret was removed, and the error is %v", err)
	}
	s.checkSilent(err)
}

func (s *suite) noSharedMemory() {
	id := s.id("text")
	s.Put(s, id, "value")
	s.scribble(s.mustFetch(s.current(id)))
	v := s.mustFetch(s.current(id))
	s.checkValue(v, "value", false)
	s.checkStages(v)
	if s.PutBinary != nil {
		id = s.id("binary")
		value := []byte("value")
		s.PutBinary(s, id, value)
		first := s.mustFetch(s.current(id))
		s.scribble(first)
		clear(value)
		second := s.mustFetch(s.current(id))
		s.checkStages(second)
		s.checkValue(first, "value", true)
	}
}

// scribble writes over all of a Value that can be written.
func (s *suite) scribble(v secret.Value) {
	for i := range v.Stages[:cap(v.Stages)] {
		v.Stages[:cap(v.Stages)][i] = "scribbled"
	}
	clear(v.Payload.Bytes())
}

func (s *suite) checkStages(v secret.Value) {
	s.Helper()
	for _, stage := range v.Stages[:cap(v.Stages)] {
		if stage == "scribbled" {
			s.Error("a change of one Value's Stages shows in another Value")
		}
	}
}

// checkSilent searches an error, and all that it wraps, for the marker.
func (s *suite) checkSilent(err error) {
	s.Helper()
	if err == nil {
		return
	}
	if !guard.Walkable(err) {
		s.Errorf("an error of type %T wraps itself, or its methods panic", err)
		return
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%q"} {
		text := fmt.Sprintf(verb, err)
		for i := range len(marker) - 3 {
			if strings.Contains(text, marker[i:i+4]) {
				s.Errorf("an error of type %T shows the secret, printed with %s", err, verb)
				return
			}
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		s.checkSilent(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			s.checkSilent(err)
		}
	}
}
