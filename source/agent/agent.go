// Package agent fetches secrets from the AWS Workload Credentials Provider, formerly the
// AWS Secrets Manager Agent, or from the AWS Parameters and Secrets Lambda Extension, as
// a [secret.Source]: HTTP on this machine, at port 2773, instead of the AWS SDK.
//
// The agent has a cache of its own, for 300 s by default, so a rotation may be noticed
// that much later. A fetch that the program asks for, by Refresh or after the refusal of a
// credential, goes past it by refreshNow=true. An agent before its version 1.1.0 refuses
// this parameter, is asked without it from then on, and answers from its cache; so may the
// extension, whose source is not public.
//
// What is asked and answered is told in "Using the AWS Workload Credentials Provider" of
// the Secrets Manager user guide, in "Use Secrets Manager secrets in Lambda functions" of
// the Lambda developer guide, and in the files server.rs, parse.rs, cache_manager.rs and
// utils.rs of github.com/aws/aws-workload-credentials-provider, which was
// aws-secretsmanager-agent.
package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/typedsecret/typedsecret/secret"
)

// DefaultURL is where the agent and the extension listen. Where a URL says localhost, a
// Source connects to 127.0.0.1 alone, which is the agent's address. So a listener of
// another user on [::1] gets neither a request nor the token.
const DefaultURL = "http://localhost:2773"

// tokenHeader keeps those who can have a server make requests, but not choose their
// headers, from reading secrets.
const tokenHeader = "X-Aws-Parameters-Secrets-Token"

// maxAnswer bounds an answer: the largest secret, 65,536 bytes, if each is escaped in
// JSON, and what comes with it.
const maxAnswer = 512 << 10

// A Config says where the agent is. Its zero value is right for an agent and an
// extension that have their default settings.
type Config struct {
	// URL is the agent's, [DefaultURL] by default, with the port in
	// PARAMETERS_SECRETS_EXTENSION_HTTP_PORT if that is set, as for the extension. The
	// secrets go over it in the clear, so the host of an http URL must be this machine:
	// localhost, or a loopback address such as [::1], which is taken as it is.
	URL string

	// TokenFile is the file that has the token which the agent wants to see; it is read
	// at each fetch, since the agent makes a new one when it starts. By default the token
	// is the value of AWS_TOKEN (or in the file that this names as file:///path), in AWS
	// Lambda that of AWS_SESSION_TOKEN, in Amazon ECS and EKS that of
	// AWS_CONTAINER_AUTHORIZATION_TOKEN, and else in /var/run/awssmatoken.
	TokenFile string
}

// A Source asks an agent. It is safe for concurrent use.
type Source struct {
	url    string
	token  func() (token, whence string, err error)
	client func(*http.Request) (*http.Response, error) // hidden from what prints

	old atomic.Bool // the agent doesn't know refreshNow
}

var _ secret.Source = (*Source)(nil)

// New makes a Source. A URL that can't be the agent's is an error. It does no I/O.
func New(cfg Config) (*Source, error) {
	base, err := baseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSuffix(base.String(), "/")
	client := &http.Client{
		Transport: &http.Transport{
			// No proxy: it would see the token and the secrets. No connection is kept, for
			// net/http would send a request a second time if a kept one turns out to be
			// closed, which the agent does to each after some time.
			DialContext: dialer(base), DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Source{url: text + "/secretsmanager/get", token: tokenFrom(cfg.TokenFile), client: client.Do}, nil
}

// baseURL checks a URL. Its errors quote no part of the URL: if the URL is mistyped, a
// password or a token may stand anywhere in it.
func baseURL(text string) (*url.URL, error) {
	if text == "" {
		var err error
		if text, err = defaultURL(); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Port() != "" && !isPort(u.Port()):
		return nil, fmt.Errorf("agent: the URL is none of an agent; one looks like %s", DefaultURL)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("agent: the URL has more than a host, port and path; one looks like %s", DefaultURL)
	case u.Scheme == "http" && !isThisMachine(u.Hostname()):
		return nil, errors.New("agent: the host of the URL is not this machine, and secrets would go there in the clear; " +
			"give localhost, or an https URL")
	}
	return u, nil
}

// Fetch asks the agent for one version of a secret, by one HTTP request. Another is made
// only where the agent has not asked Secrets Manager: if it does not accept the token
// and there is a new one by now, and if it does not know refreshNow, once.
//
// Errors wrap the sentinel that fits: those that the agent has from Secrets Manager are
// as source/awssm's; [secret.ErrAccessDenied] if it does not accept the token or that
// can't be read; [secret.ErrThrottled] if it has too many connections; and
// [secret.ErrUnavailable] if it isn't there, or can't reach Secrets Manager. The extension
// does not say what Secrets Manager answered, so that is always secret.ErrUnavailable.
func (s *Source) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if s == nil || s.client == nil {
		return secret.Value{}, errors.New("agent: the Source is nil or was not made by New")
	}
	query := url.Values{"secretId": {ref.ID}}
	if ref.Stage != "" {
		query.Set("versionStage", ref.Stage)
	}
	if ref.VersionID != "" {
		query.Set("versionId", ref.VersionID)
	}
	if secret.IsForced(ctx) && !s.old.Load() {
		query.Set("refreshNow", "true")
		v, err := s.get(ctx, query)
		if !errors.Is(err, errUnknownParameter) {
			return v, err
		}
		s.old.Store(true)
		query.Del("refreshNow")
	}
	return s.get(ctx, query)
}

// get makes a request, and another if the agent was started again just now.
func (s *Source) get(ctx context.Context, query url.Values) (secret.Value, error) {
	token, whence, err := s.token()
	if err != nil {
		return secret.Value{}, err
	}
	v, err := s.send(ctx, query, token, whence)
	if errors.Is(err, errBadToken) {
		if present, whence, tokenErr := s.token(); tokenErr == nil && present != token {
			return s.send(ctx, query, present, whence)
		}
	}
	return v, err
}

// send makes one request.
func (s *Source) send(ctx context.Context, query url.Values, token, whence string) (secret.Value, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"?"+query.Encode(), nil)
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w: the request for the agent can't be made", secret.ErrInvalidRequest)
	}
	req.Header.Set(tokenHeader, token)
	resp, err := s.client(req)
	if err != nil {
		return secret.Value{}, s.sendError(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	defer clear(body)
	switch {
	case err != nil:
		return secret.Value{}, s.sendError(ctx, err)
	case len(body) > maxAnswer:
		return secret.Value{}, fmt.Errorf("%w: the agent's answer has more than %d bytes", secret.ErrUnavailable, maxAnswer)
	case resp.StatusCode == http.StatusOK:
		return parse(body)
	}
	return secret.Value{}, answerError(resp.StatusCode, body, whence)
}

// sendError says why there is no answer. The cause is named without the URL, in which
// net/http quotes it.
func (s *Source) sendError(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	switch ended := ctx.Err(); {
	case errors.Is(ended, context.DeadlineExceeded):
		return fmt.Errorf("%w: no answer from the agent in time: %w", secret.ErrTimeout, ended)
	case ended != nil:
		return fmt.Errorf("the fetch was cancelled: %w", ended)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%w: the agent can't be reached at %s; is it running? (%w)", secret.ErrUnavailable, s.url, e)
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w: what answers at %s is not known to be the agent (%w)", secret.ErrUnavailable, s.url, e)
	}
	return fmt.Errorf("%w: the agent at %s broke its answer off (a %T)", secret.ErrUnavailable, s.url, err)
}

// Format shows where the agent is.
func (s *Source) Format(f fmt.State, _ rune) {
	if s != nil {
		fmt.Fprint(f, "agent:"+s.url)
	}
}
