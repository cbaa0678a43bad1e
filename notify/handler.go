package notify

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// A HandlerConfig says whose posts a [Handler] takes. Topics or Tokens must be set.
type HandlerConfig struct {
	// Topics are the ARNs of the SNS topics whose posts are taken. Their subscriptions are
	// confirmed.
	Topics []string

	// Tokens returns the tokens that posts of EventBridge, or of anybody else, may bear. While
	// one is rotated, return the old one and the new one. It is called for each such post and
	// may read a Secret. Each token has at least 16 bytes.
	Tokens func(ctx context.Context) ([]string, error)

	// TokenHeader is the header that bears the token: the API key name of an EventBridge
	// connection. Default: Authorization, where Bearer may stand before the token.
	TokenHeader string

	// ReplayWindow is the longest time since SNS sent a message. Default: 65 minutes, as SNS
	// tries for up to an hour. Negative: any.
	ReplayWindow time.Duration

	// Client gets the certificates of SNS and confirms subscriptions. Default: a client that
	// waits for at most 5 s. A proxy or a firewall must let it reach sns.REGION.amazonaws.com.
	// It follows no redirect.
	Client *http.Client

	// OnError is called with the reason for each post that is refused, by the goroutine that
	// serves it. Errors hold no token, and nothing of a body. Default: the errors are dropped.
	OnError func(err error)
}

const (
	defaultReplayWindow = 65 * time.Minute
	minToken            = 16
	// clientTimeout leaves time for the answer: SNS waits for 15 s, EventBridge for 5 s.
	clientTimeout = 5 * time.Second
)

// A Handler is the HTTP endpoint of events. It takes the posts of
//
//   - SNS, if the signature is valid and the topic one of Topics;
//   - EventBridge's API destinations, and any other client that bears a token.
//
// Serve it by HTTPS alone. It is safe for concurrent use.
//
// It answers 204 to what it has taken, and to what changes no secret; 400 to what is no event;
// 401 to a token that is missing or wrong, which EventBridge tries again; 403 to what is not
// signed by a topic that is allowed; 413 to a body larger than [MaxSize]; 500 and 503 to what
// the sender is to send again later.
type Handler struct {
	cfg    HandlerConfig
	handle func(ctx context.Context, e Event) error
	topics map[string]topic
	certs  *certificates
}

// NewHandler returns a Handler that calls handle for each event. Handle returns soon: it is
// called by the goroutine that serves the post, and the sender waits for no more than 5 s. If
// it returns an error, the sender sends the event again later.
func NewHandler(cfg HandlerConfig, handle func(ctx context.Context, e Event) error) (*Handler, error) {
	switch {
	case handle == nil:
		return nil, errors.New("notify: the function that takes the events is nil")
	case len(cfg.Topics) == 0 && cfg.Tokens == nil:
		return nil, errors.New("notify: nobody may post events; set HandlerConfig.Topics for SNS, or Tokens for others")
	}
	h := &Handler{cfg: cfg, handle: handle, topics: map[string]topic{}}
	for _, arn := range cfg.Topics {
		t, err := parseTopic(arn)
		if err != nil {
			return nil, err
		}
		h.topics[arn] = t
	}
	if cfg.TokenHeader == "" {
		h.cfg.TokenHeader = "Authorization"
	}
	if cfg.ReplayWindow == 0 {
		h.cfg.ReplayWindow = defaultReplayWindow
	}
	client := http.Client{Timeout: clientTimeout}
	if cfg.Client != nil {
		client = *cfg.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	h.cfg.Client = &client
	h.certs = newCertificates(&client)
	return h, nil
}

// A refusal is why a post is refused, and the status that says so. All errors of serve are one.
type refusal struct {
	status int
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Errorf("notify: "+format, args...)}
}

// ServeHTTP takes a post.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h.serve(w, r)
	status := http.StatusNoContent
	if refused := (*refusal)(nil); errors.As(err, &refused) {
		status = refused.status
	}
	if err != nil && h.cfg.OnError != nil {
		_ = guard.Call("OnError", func() error { h.cfg.OnError(err); return nil })
	}
	switch status {
	case http.StatusNoContent:
		w.WriteHeader(status)
		return
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	http.Error(w, http.StatusText(status), status)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, "only POST brings events")
	}
	fromSNS := r.Header.Get("X-Amz-Sns-Message-Type") != ""
	switch {
	case !fromSNS:
		if err := h.checkToken(r); err != nil {
			return err
		}
	case len(h.topics) == 0:
		return refuse(http.StatusForbidden, "SNS has posted, and HandlerConfig.Topics is empty")
	case r.Header.Get("X-Amz-Sns-Rawdelivery") == "true":
		return refuse(http.StatusForbidden, "SNS has posted a message without its envelope, which bears the signature; turn raw message delivery off at the subscription")
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	if fromSNS {
		return h.takeSNS(r.Context(), body)
	}
	e, err := Parse(body)
	return h.take(r.Context(), e, err)
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxSize))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", MaxSize)
	}
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "the body broke off")
	}
	return body, nil
}

// checkToken compares the token in constant time. All are compared, whichever is the right one.
func (h *Handler) checkToken(r *http.Request) error {
	if h.cfg.Tokens == nil {
		return refuse(http.StatusForbidden, "somebody else than SNS has posted, and HandlerConfig.Tokens is nil")
	}
	var tokens []string
	err := guard.Call("HandlerConfig.Tokens", func() (err error) {
		tokens, err = h.cfg.Tokens(r.Context())
		return err
	})
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "there is no token to compare with: %w", err)
	}
	if len(tokens) == 0 {
		return refuse(http.StatusServiceUnavailable, "HandlerConfig.Tokens has returned no token")
	}
	given := r.Header.Get(h.cfg.TokenHeader)
	if given == "" {
		return refuse(http.StatusUnauthorized, "a post bears no token in the header %s", h.cfg.TokenHeader)
	}
	const scheme = "Bearer "
	if len(given) > len(scheme) && strings.EqualFold(given[:len(scheme)], scheme) {
		given = given[len(scheme):]
	}
	sum, equal := sha256.Sum256([]byte(given)), 0
	for _, token := range tokens {
		if len(token) < minToken {
			return refuse(http.StatusServiceUnavailable, "a token of HandlerConfig.Tokens has %d bytes; it needs at least %d", len(token), minToken)
		}
		want := sha256.Sum256([]byte(token))
		equal |= subtle.ConstantTimeCompare(sum[:], want[:])
	}
	if equal == 0 {
		return refuse(http.StatusUnauthorized, "a post bears a wrong token in the header %s", h.cfg.TokenHeader)
	}
	return nil
}

// take hands an event over that Parse has returned.
func (h *Handler) take(ctx context.Context, e Event, err error) error {
	if errors.Is(err, ErrIrrelevant) {
		return nil
	}
	if err != nil {
		return refuse(http.StatusBadRequest, "%w", err)
	}
	err = guard.Call("function that takes the events", func() error { return h.handle(ctx, e) })
	switch {
	case errors.Is(err, guard.ErrPanic):
		return refuse(http.StatusInternalServerError, "%w", err)
	case err != nil:
		return refuse(http.StatusServiceUnavailable, "the event was not taken: %w", err)
	}
	return nil
}
