// Package agent fetches secrets from the AWS Workload Credentials Provider, formerly the
// AWS Secrets Manager Agent, or from the AWS Parameters and Secrets Lambda Extension, as
// a [secret.Source]: HTTP on this machine, at port 2773, instead of the AWS SDK.
//
// # What the agent's cache hides
//
// The agent has a cache of its own, for 300 s by default, so a rotation may be noticed
// that much later. When that time is over, the agent asks DescribeSecret whether the version is
// still the current one, and reads the secret only if it is not. So it goes on serving a secret
// whose reading was forbidden meanwhile, or whose KMS key was disabled. An outage of Secrets
// Manager is hidden as well: the agent serves what it has.
//
// A fetch that the program asks for, by Refresh or after the refusal of a credential, goes past
// that cache by refreshNow=true; with [Config].RefreshNow each fetch does. An agent before its
// version 1.1.0 refuses this parameter: the Source asks without it, and gets what the agent's
// cache has, until another agent answers. The extension, whose source is not public, may do the
// same.
//
// # Sources
//
// The protocol is described in "Using the AWS Workload Credentials Provider" of the Secrets
// Manager user guide, in "Use Secrets Manager secrets in Lambda functions" of the Lambda
// developer guide, and in the files server.rs, parse.rs, cache_manager.rs and utils.rs of
// github.com/aws/aws-workload-credentials-provider, which was aws-secretsmanager-agent.
package agent

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/internal/redact"
	"github.com/typedsecret/typedsecret/secret"
)

// DefaultURL is where the agent and the extension listen. Where a URL says localhost, a
// Source connects to 127.0.0.1 alone, which is the agent's address. So a listener of
// another user on [::1] gets neither a request nor the token.
const DefaultURL = "http://localhost:2773"

// DefaultTokenHeader is the header in which the agent expects its token. It keeps those who can
// have a server make requests, but not choose their headers, from reading secrets.
const DefaultTokenHeader = "X-Aws-Parameters-Secrets-Token"

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
	// AWS_CONTAINER_AUTHORIZATION_TOKEN, and else in /var/run/awssmatoken, on Windows in
	// %ProgramData%\AWS\WorkloadCredentialsProvider\awssmatoken.
	TokenFile string

	// TokenHeader is a header that the agent's ssrf_headers names; by default
	// [DefaultTokenHeader].
	TokenHeader string

	// RoleARN is a role that the agent assumes to read the secrets, which may be one of another
	// account; by default it reads them as itself. The agent knows roles since its version
	// 2.1.0, and at most 20 of them unless its max_roles says otherwise.
	RoleARN string

	// RefreshNow sends refreshNow=true with each fetch, so that the agent asks Secrets Manager
	// each time. The next fetch notices then that a secret was deleted or its reading forbidden,
	// and the agent's cache saves no request; the cache in this program still does.
	RefreshNow bool
}

// A Source asks an agent. It is safe for concurrent use.
type Source struct {
	url, ping string
	query     url.Values // of each request
	header    string
	token     func() (token, whence string, err error)
	client    func(*http.Request) (*http.Response, error) // hidden from what prints
	refresh   bool
	places    chan struct{} // of requests under way

	old old // agents that don't know refreshNow
}

var _ secret.Source = (*Source)(nil)

// maxRequests is how many requests of a Source are under way at most: more than a cache makes
// at once, and a small part of the 800 connections that the agent's max_conn allows to all who
// use it.
const maxRequests = 64

// New makes a Source. A URL that can't be the agent's is an error. It does no I/O.
func New(cfg Config) (*Source, error) {
	base, err := baseURL(cfg.URL)
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if cfg.RoleARN != "" {
		if !local.IsRole(cfg.RoleARN) {
			return nil, errors.New("agent: the role is not the ARN of one; it looks like " + local.RoleExample)
		}
		query.Set("roleArn", cfg.RoleARN)
	}
	header := cmp.Or(cfg.TokenHeader, DefaultTokenHeader)
	if !isHeader(header) {
		return nil, errors.New("agent: the token's header is none that the agent's ssrf_headers may name; one looks like " + DefaultTokenHeader)
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
	return &Source{
		url: text + "/secretsmanager/get", ping: text + "/ping", query: query, header: header, token: tokenFrom(cfg.TokenFile),
		client: client.Do, refresh: cfg.RefreshNow, places: make(chan struct{}, maxRequests), old: newOld(),
	}, nil
}

// isHeader reports whether name may be that of the token's header. The agent refuses all
// requests with X-Forwarded-For.
func isHeader(name string) bool {
	odd := func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	return len(name) <= 256 && !strings.ContainsFunc(name, odd) &&
		!slices.Contains([]string{"X-Forwarded-For", "Host", "Content-Length", "Connection", "Transfer-Encoding"}, http.CanonicalHeaderKey(name))
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
// At most 64 requests of a Source are under way; the others wait for them.
//
// Errors wrap the sentinel that fits: those that the agent has from Secrets Manager are
// as source/awssm's; [secret.ErrAccessDenied] if it does not accept the token or that
// can't be read; [secret.ErrThrottled] if it has too many connections; and
// [secret.ErrUnavailable] if it isn't there, or can't reach Secrets Manager. The extension
// does not say what Secrets Manager answered, so that is always secret.ErrUnavailable.
func (s *Source) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if s == nil || s.client == nil {
		return secret.Value{}, errNoSource
	}
	query := maps.Clone(s.query)
	query.Set("secretId", ref.ID)
	// The agent knows AWSCURRENT by no stage, and by this name keeps what it has fetched before
	// it was asked, and what others have asked for.
	if ref.Stage != "" && (ref.Stage != secret.CurrentStage || ref.VersionID != "") {
		query.Set("versionStage", ref.Stage)
	}
	if ref.VersionID != "" {
		query.Set("versionId", ref.VersionID)
	}
	select {
	case s.places <- struct{}{}:
		defer func() { <-s.places }()
	case <-ctx.Done():
		return secret.Value{}, s.sendError(ctx, ctx.Err())
	}
	return s.get(ctx, query)
}

var errNoSource = errors.New("agent: the Source is nil or was not made by New")

// get makes a request, and another if the agent was started again just now.
func (s *Source) get(ctx context.Context, query url.Values) (secret.Value, error) {
	token, whence, err := s.token()
	if err != nil {
		return secret.Value{}, err
	}
	v, err := s.ask(ctx, query, token, whence)
	if errors.Is(err, errBadToken) {
		if present, whence, tokenErr := s.token(); tokenErr == nil && present != token {
			return s.ask(ctx, query, present, whence)
		}
	}
	return v, err
}

// ask makes a request, and another if the agent does not know refreshNow.
func (s *Source) ask(ctx context.Context, query url.Values, token, whence string) (secret.Value, error) {
	if (s.refresh || secret.IsForced(ctx)) && !s.old.has(token) {
		past := maps.Clone(query)
		past.Set("refreshNow", "true")
		v, err := s.send(ctx, past, token, whence)
		if !errors.Is(err, errUnknownRefresh) {
			return v, err
		}
		s.old.add(token)
	}
	return s.send(ctx, query, token, whence)
}

// send makes one request.
func (s *Source) send(ctx context.Context, query url.Values, token, whence string) (secret.Value, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"?"+query.Encode(), nil)
	if err != nil {
		return secret.Value{}, fmt.Errorf("%w: the request for the agent can't be made", secret.ErrInvalidRequest)
	}
	req.Header.Set(s.header, token)
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
	if token != "" { // what answers may quote the request
		body = bytes.ReplaceAll(body, []byte(token), []byte(redact.Text))
		defer clear(body)
	}
	return secret.Value{}, answerError(resp.StatusCode, body, whence)
}

// Ping asks the agent whether it is there, without a token and without a request to Secrets
// Manager. Its error wraps [secret.ErrUnavailable], or what a Fetch would for a ctx that is done.
// The Lambda extension is not documented to answer.
func (s *Source) Ping(ctx context.Context) error {
	if s == nil || s.client == nil {
		return errNoSource
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ping, nil)
	if err != nil {
		return fmt.Errorf("%w: the request for the agent can't be made", secret.ErrInvalidRequest)
	}
	resp, err := s.client(req)
	if err != nil {
		return s.sendError(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64))
	switch {
	case err != nil:
		return s.sendError(ctx, err)
	case resp.StatusCode == http.StatusTooManyRequests:
		return errTooMany
	case resp.StatusCode != http.StatusOK || string(body) != "healthy":
		return fmt.Errorf("%w: what answers at %s is not known to be the agent (HTTP %d)", secret.ErrUnavailable, s.ping, resp.StatusCode)
	}
	return nil
}

// whereToLook is what an error about a connection that broke says to do.
const whereToLook = "it was stopped, or gave the request up, as it does after 61 s; its log says more: " +
	"logs/secrets_manager_provider.log beside its program, before its version 3 logs/secrets_manager_agent.log"

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
	s.old.clear() // another agent may answer next
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "dial" {
		return fmt.Errorf("%w: the agent can't be reached at %s; is it running? (%w)", secret.ErrUnavailable, s.url, e)
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w: what answers at %s is not known to be the agent (%w)", secret.ErrUnavailable, s.url, e)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Errorf("%w: the connection to the agent at %s broke: %s (%w)", secret.ErrUnavailable, s.url, whereToLook, e)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: the agent at %s closed the connection before its answer was whole: %s", secret.ErrUnavailable, s.url, whereToLook)
	}
	// The text of what net/http can't parse may quote the answer.
	return fmt.Errorf("%w: what answers at %s is no agent, or broke its answer off (a %T)", secret.ErrUnavailable, s.url, err)
}

// Format shows where the agent is.
func (s *Source) Format(f fmt.State, _ rune) {
	if s != nil {
		fmt.Fprint(f, "agent:"+s.url)
	}
}
