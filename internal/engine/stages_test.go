package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/internal/engine"
	"github.com/typedsecret/typedsecret/secret"
)

// A signer is the keys of a token service. The last two have AWSCURRENT and AWSPREVIOUS.
type signer struct {
	mu    sync.Mutex // guards the fields below
	keys  int        // how many there were
	calls []call
	fail  bool
	asked []bool // whether each call was forced
}

const (
	signerName = "prod/signing"
	signerARN  = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/signing-a1B2c3"
)

// signerIDs are the spellings of its ID.
var signerIDs = map[string]string{
	"name": signerName, "ARN": signerARN, "ARN without suffix": strings.TrimSuffix(signerARN, "-a1B2c3"),
}

// keyID is the version ID of the nth key.
func keyID(n int) string { return fmt.Sprintf("key-%032d", n) }

func (s *signer) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls, s.asked = append(s.calls, call{ref, time.Now()}), append(s.asked, secret.IsForced(ctx))
	n := s.keys
	switch {
	case s.fail:
		return secret.Value{}, secret.ErrUnavailable
	case ref.VersionID != "":
		_, _ = fmt.Sscanf(ref.VersionID, "key-%d", &n)
	case ref.Stage == "AWSPREVIOUS":
		n--
	}
	return secret.Value{Payload: secret.StringPayload(fmt.Sprint("k", n)), VersionID: keyID(n), ARN: signerARN, Name: signerName}, nil
}

func (s *signer) rotate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys++
}

// fetches returns how many calls there were since the last time that it was asked.
func (s *signer) fetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.calls, s.asked = nil, nil }()
	return len(s.calls)
}

func wantEntry(t testing.TB, e *engine.Entry, want string) {
	t.Helper()
	s, err := e.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Value(t.Context())
	if got := v.Payload.Reveal(); got != want || err != nil {
		t.Errorf("%v is %s (%v), want %s", s.Ref(), got, err, want)
	}
}

// TestTheStagesOfASecretMoveTogether whichever is refreshed, and under each spelling of the
// secret's ID. A signer of tokens must know the former key as soon as it has the new one.
func TestTheStagesOfASecretMoveTogether(t *testing.T) {
	for _, maxSize := range []int{0, 1} {
		for name, id := range signerIDs {
			for otherName, otherID := range signerIDs {
				for _, refreshed := range []string{"AWSCURRENT", "AWSPREVIOUS"} {
					t.Run(fmt.Sprintf("MaxSize %d/current by %s, previous by %s/%s refreshed", maxSize, name, otherName, refreshed), func(t *testing.T) {
						virtual(t, func(t *testing.T) {
							s := &signer{keys: 1}
							c := open(t, s, engine.Config{MaxSize: maxSize})
							current := entryOf(c, secret.Ref{ID: id})
							previous := entryOf(c, secret.Ref{ID: otherID, Stage: "AWSPREVIOUS"})
							pinned := entryOf(c, secret.Ref{ID: id, VersionID: keyID(0)})
							for n := 1; n < 5; n++ {
								time.Sleep(5 * time.Second)
								wantEntry(t, current, fmt.Sprint("k", n))
								wantEntry(t, previous, fmt.Sprint("k", n-1))
								wantEntry(t, pinned, "k0")
								s.rotate()
								s.fetches()
								time.Sleep(time.Second)
								which := current
								if refreshed == "AWSPREVIOUS" {
									which = previous
								}
								if _, err := which.Refresh(t.Context()); err != nil {
									t.Fatal(err)
								}
								for range 100 { // and no stage makes the other one move again
									wantEntry(t, current, fmt.Sprint("k", n+1))
									wantEntry(t, previous, fmt.Sprint("k", n))
									wantEntry(t, pinned, "k0")
									time.Sleep(10 * time.Millisecond)
								}
								want := 2
								if refreshed == "AWSPREVIOUS" {
									want = 3 // it may have moved once more before AWSCURRENT was fetched
								}
								if n := s.fetches(); n != want {
									t.Errorf("the move took %d fetches, want %d", n, want)
								}
							}
						})
					})
				}
			}
		}
	}
}

// TestAMoveIsSeenByReadersByIDToo and by handles that began in the middle of it.
func TestAMoveIsSeenByReadersByIDToo(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &signer{keys: 1}
		c := open(t, s, engine.Config{})
		var all []secret.Ref
		for _, id := range signerIDs {
			all = append(all, secret.Ref{ID: id}, secret.Ref{ID: id, Stage: "AWSPREVIOUS"})
		}
		want := func(r secret.Ref, n int) {
			t.Helper()
			if r.Stage == "AWSPREVIOUS" {
				n--
			}
			v, err := c.Get(t.Context(), r)
			if got := v.Payload.Reveal(); got != fmt.Sprint("k", n) || err != nil {
				t.Errorf("%v is %s (%v), want k%d", r, got, err, n)
			}
		}
		for _, r := range all {
			want(r, 1)
		}
		s.rotate()
		s.fetches()
		time.Sleep(time.Second)
		if _, err := c.Refresh(t.Context(), all[0]); err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			if r.Stage == "AWSPREVIOUS" {
				want(r, 2)
			}
		}
		time.Sleep(time.Minute)
		if n := s.fetches(); n != 1+len(all)/2 {
			t.Errorf("the move took %d fetches", n)
		}
	})
}

// TestTheFetchAfterAMoveIsForced so that a source with a cache of its own, such as the agent,
// does not answer from that.
func TestTheFetchAfterAMoveIsForced(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &signer{keys: 1}
		c := open(t, s, engine.Config{})
		current, previous := entryOf(c, secret.Ref{ID: signerName}), entryOf(c, secret.Ref{ID: signerName, Stage: "AWSPREVIOUS"})
		wantEntry(t, current, "k1")
		wantEntry(t, previous, "k0")
		s.rotate()
		time.Sleep(time.Hour) // the refresh that sees the move is not forced
		wantEntry(t, current, "k2")
		wantEntry(t, previous, "k1")
		if want := []bool{false, false, false, true}; !slices.Equal(s.asked, want) {
			t.Errorf("forced were %v, want %v", s.asked, want)
		}
	})
}

// movedInAnOutage returns a signer that fails, and the stages of its secret: the current one was
// seen to move to k2, and the first try to fetch the previous one, which has k0, has failed.
func movedInAnOutage(t *testing.T) (s *signer, current, previous *engine.Entry) {
	s = &signer{keys: 1}
	c := open(t, s, engine.Config{Backoff: every(time.Second)})
	current, previous = entryOf(c, secret.Ref{ID: signerName}), entryOf(c, secret.Ref{ID: signerName, Stage: "AWSPREVIOUS"})
	wantEntry(t, current, "k1")
	wantEntry(t, previous, "k0")
	s.rotate()
	time.Sleep(time.Second)
	if _, err := current.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.fail = true
	wantEntry(t, previous, "k0")
	return s, current, previous
}

// TestAMoveDuringAnOutageIsNotForgotten though the other stage can't be fetched at once.
func TestAMoveDuringAnOutageIsNotForgotten(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, _, previous := movedInAnOutage(t)
		time.Sleep(10 * time.Minute)
		s.fail = false
		wantEntry(t, previous, "k0") // nobody waits after a try that failed
		settle()
		wantEntry(t, previous, "k1")
		if !s.asked[len(s.asked)-1] {
			t.Error("the fetch was not forced")
		}
	})
}

// TestAStageThatFollowsLateShowsThatTheOtherHasMovedOnceMore, in an outage between the two
// fetches.
func TestAStageThatFollowsLateShowsThatTheOtherHasMovedOnceMore(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s, current, previous := movedInAnOutage(t)
		s.fail = false
		s.rotate()
		s.rotate()
		time.Sleep(2 * time.Second)
		wantEntry(t, previous, "k0") // nobody waits after a try that failed
		settle()
		s.fetches()
		wantEntry(t, previous, "k3")
		wantEntry(t, current, "k4")
		wantEntry(t, previous, "k3")
		time.Sleep(time.Minute)
		wantEntry(t, current, "k4")
		if n := s.fetches(); n > 2 {
			t.Errorf("the move took %d more fetches", n)
		}
	})
}

// TestAPreviousVersionThatWasNotThereIsFetchedAfterAMove, although its back-off is not over.
func TestAPreviousVersionThatWasNotThereIsFetchedAfterAMove(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &signer{}
		c := open(t, secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
			v, err := s.Fetch(ctx, ref)
			if err == nil && s.keys == 0 && ref.Stage == "AWSPREVIOUS" {
				err = secret.ErrNotFound
			}
			return v, err
		}), engine.Config{})
		current := entryOf(c, secret.Ref{ID: signerName})
		previous := entryOf(c, secret.Ref{ID: signerName, Stage: "AWSPREVIOUS"})
		wantEntry(t, current, "k0")
		for range 10 { // so that the back-off is a long one
			time.Sleep(5 * time.Minute)
			if _, err := previous.Get(t.Context()); !errors.Is(err, secret.ErrNotFound) {
				t.Fatal(err)
			}
		}
		s.rotate()
		if _, err := current.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantEntry(t, previous, "k0")
	})
}
