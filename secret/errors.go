package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
	"github.com/typedsecret/typedsecret/internal/sentinel"
)

// A caller branches on these with errors.Is. A Source sorts the service's
// errors into them; the error of the service stays reachable by errors.As.
var (
	// ErrNotFound: the secret, the version or the version stage does not exist.
	ErrNotFound = errors.New("secret not found")
	// ErrDeleted: the secret is marked for deletion; it can be restored.
	ErrDeleted = errors.New("secret is marked for deletion")
	// ErrAccessDenied: no permission to read the secret.
	ErrAccessDenied = errors.New("access denied")
	// ErrDecryption: the KMS key that protects the secret can't be used.
	ErrDecryption = errors.New("secret can't be decrypted by KMS")
	// ErrThrottled: the service refuses because of too many requests.
	ErrThrottled = errors.New("throttled")
	// ErrInvalidRequest: the service refuses what was asked as malformed,
	// such as a version ID and a version stage that don't belong together.
	ErrInvalidRequest = errors.New("invalid request")
	// ErrUnavailable: the service failed, could not be reached, or its answer could not be
	// read; or the credentials are missing, expired or unknown, or this machine's clock is wrong.
	// It is about all secrets, and not about the one that was asked for.
	ErrUnavailable = errors.New("service unavailable")
	// ErrTimeout: no answer came within Config.FetchTimeout.
	ErrTimeout = errors.New("timed out")

	// ErrInvalidRef: the ID, stage or version ID can't name a secret.
	ErrInvalidRef = errors.New("invalid secret reference")
	// ErrHook: the hook did not transform the secret.
	ErrHook = errors.New("hook failed")
	// ErrNotAsked: a FetchMany made no request about this secret, since its caller has given
	// up. Others that wait for the secret fetch it by themselves.
	ErrNotAsked = errors.New("no request was made")
)

// classes are the words of Class. An outage comes first: its error may also wrap what the
// source said of the secret before.
var classes = []struct {
	err  error
	word string
}{
	{ErrThrottled, "throttled"},
	{ErrTimeout, "timeout"},
	{ErrUnavailable, "unavailable"},
	{ErrNotFound, "not_found"},
	{ErrDeleted, "deleted"},
	{ErrAccessDenied, "access_denied"},
	{ErrDecryption, "decryption"},
	{ErrInvalidRequest, "invalid_request"},
	{ErrInvalidRef, "invalid_ref"},
	{ErrHook, "hook"},
	{sentinel.ErrInvalidConfig, "invalid_config"},
	{guard.ErrPanic, "panic"},
	{context.DeadlineExceeded, "deadline"},
	{context.Canceled, "canceled"},
}

// Class returns one word for the kind of err, for a label of a metric or a key of a log:
// throttled, timeout, unavailable, not_found, deleted, access_denied, decryption,
// invalid_request, invalid_ref, hook, invalid_config, panic, deadline or canceled, after the
// sentinels of this package and of package cache; "other" for any other error, and "" for nil.
func Class(err error) string {
	if err == nil {
		return ""
	}
	if !guard.Walkable(err) {
		return "other"
	}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return c.word
		}
	}
	return "other"
}

// An Error is what a Cache and a handle return: which secret could not be
// had, why, and when it is asked for again. It holds no secret. Many callers may
// get the same one, so nobody modifies it.
type Error struct {
	Ref Ref
	// RetryIn is how long after the failure no other fetch is made, unless Refresh or
	// Invalidate asks for one after a refusal; 0 if no fetch failed (a cancelled wait, a closed
	// cache).
	RetryIn time.Duration
	// Err is the cause; it wraps the sentinel that fits.
	Err error
}

// maxShown is how many characters of a Ref a text shows; Ref has them all.
const maxShown = 200

// Error says it in one line.
func (e *Error) Error() string {
	ref := e.Ref.String()
	if ref == "" {
		ref = `""`
	}
	if r := []rune(ref); len(r) > maxShown {
		ref = string(r[:maxShown]) + "…"
	}
	if e.RetryIn > 0 {
		return fmt.Sprintf("secret %s: %v (no other fetch for %s)", ref, e.Err, e.RetryIn.Round(time.Millisecond))
	}
	return fmt.Sprintf("secret %s: %v", ref, e.Err)
}

// MarshalJSON returns e as JSON, with the text of Err.
func (e *Error) MarshalJSON() ([]byte, error) {
	text := struct {
		Ref     Ref
		RetryIn time.Duration
		Err     *string
	}{Ref: e.Ref, RetryIn: e.RetryIn}
	if e.Err != nil {
		s := e.Err.Error()
		text.Err = &s
	}
	return json.Marshal(text)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
