package chaos

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/typedsecret/typedsecret/secret"
)

// mark is a part of every secret. No error, event or printed form may hold it.
const mark = "Zq7!Xw9@Kv3#Jp5"

// creds is the content of the secrets. A value that is torn or mixed has a wrong Sum.
type creds struct {
	ID       string `json:"id"`
	N        int    `json:"n"`
	Password string `json:"password"`
	Sum      string `json:"sum"`
}

func credsOf(id string, n int) creds {
	h := fnv.New64a()
	fmt.Fprint(h, id, n)
	return creds{id, n, mark + strings.Repeat(id, n%40), fmt.Sprintf("%x", h.Sum64())}
}

func versionID(n int) string { return fmt.Sprintf("version-%032d", n) }

// isBroken reports whether version n of a secret does not decode.
func isBroken(n int) bool { return n%6 == 5 }

func payloadOf(id string, n int) string {
	c := credsOf(id, n)
	switch {
	case !isBroken(n):
		return fmt.Sprintf(`{"id":%q,"n":%d,"password":%q,"sum":%q}`, c.ID, c.N, c.Password, c.Sum)
	case n%12 == 5:
		return fmt.Sprintf(`{"id":%q,"n":%d,"password":%q}`, c.ID, c.N, c.Password) // a key is missing
	default:
		return fmt.Sprintf(`{"id":%q,"n":"%s`, c.ID, c.Password) // cut off
	}
}

// A history lists the versions of a secret that had AWSCURRENT. It has an entry for each
// move of the label.
type history []int

// first and last return the first and the last move that gave a version the label.
func (h history) first(n int) int {
	for i, v := range h {
		if v == n {
			return i
		}
	}
	return -1
}

func (h history) last(n int) int {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i] == n {
			return i
		}
	}
	return -1
}

// A service holds the secrets, as Secrets Manager does.
type service struct {
	mu        sync.Mutex // guards the fields below
	histories map[string]history
	newest    map[string]int
	deleted   map[string]bool
}

func newService(ids []string) *service {
	s := &service{histories: map[string]history{}, newest: map[string]int{}, deleted: map[string]bool{}}
	for _, id := range ids {
		s.histories[id], s.newest[id] = history{1}, 1
	}
	return s
}

func (s *service) history(id string) history {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.histories[id]
}

// move moves the label to a new version, or back to the previous one.
func (s *service) move(id string, back bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.histories[id]
	if back && len(h) > 1 {
		n = h[len(h)-2]
	} else {
		s.newest[id]++
		n = s.newest[id]
	}
	s.histories[id] = append(h[:len(h):len(h)], n)
	return n
}

func (s *service) toggle(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted[id] = !s.deleted[id]
}

// Fetch answers from memory. Its strings are parts of a larger string.
func (s *service) Fetch(_ context.Context, ref secret.Ref) (secret.Value, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.histories[ref.ID]
	switch {
	case h == nil:
		return secret.Value{}, secret.ErrNotFound
	case s.deleted[ref.ID]:
		return secret.Value{}, secret.ErrDeleted
	}
	if ref.Stage == previous {
		if h = h.previous(); len(h) == 0 {
			return secret.Value{}, secret.ErrNotFound
		}
	}
	n := h[len(h)-1]
	answer := payloadOf(ref.ID, n) + ref.ID + versionID(n)
	size := len(payloadOf(ref.ID, n))
	return secret.Value{
		Payload: secret.StringPayload(answer[:size]), Name: answer[size : size+len(ref.ID)],
		VersionID: answer[size+len(ref.ID):], Stages: []string{ref.Stage},
	}, nil
}

// A fault is a failure or a delay of a fetch.
type fault int

const (
	none fault = iota
	slow
	unavailable
	timeout
	throttled
	denied
	undecryptable
	notFound
	unsorted
	hang
	hangsOn // hangs somewhat longer than its context lives
	panics
	exits
	faults
)

var faultNames = [faults]string{
	"none", "latency", "unavailable", "timed out", "throttled", "denied", "KMS", "not found", "an error of no kind",
	"hang", "hang past the context", "source panic", "source Goexit",
}

var errs = map[fault]error{
	unavailable: secret.ErrUnavailable, timeout: secret.ErrTimeout, throttled: secret.ErrThrottled, denied: secret.ErrAccessDenied,
	undecryptable: secret.ErrDecryption, notFound: secret.ErrNotFound, unsorted: errors.New("strange"),
}

// do makes the fault happen to a fetch. It returns an error, or waits.
func (f fault) do(ctx context.Context, wait time.Duration) error {
	switch f {
	case slow:
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
	case hang, hangsOn:
		<-ctx.Done()
		if f == hangsOn {
			time.Sleep(wait % time.Second)
		}
		return ctx.Err()
	case panics:
		panic(mark)
	case exits:
		runtime.Goexit()
	}
	return errs[f]
}
