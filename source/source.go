// Package source opens the source that a setting names, so that the same binary reads its
// secrets from files at the desk, from a static file in CI, and from Secrets Manager in
// production:
//
//	TYPEDSECRET_SOURCE=static:dev.json ./service
package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/agent"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/source/env"
	"github.com/typedsecret/typedsecret/source/failover"
	"github.com/typedsecret/typedsecret/source/file"
	"github.com/typedsecret/typedsecret/source/static"
)

// Variable is the environment variable that [FromEnvironment] reads, and so what the
// default cache of typed handles reads from.
const Variable = "TYPEDSECRET_SOURCE"

// A kind is one that a setting may name.
type kind struct {
	scheme, form string
	parameters   []string // beside those of every kind
	open         func(ctx context.Context, rest string, p parameters) (secret.Source, error)
}

var kinds = []kind{
	{"aws", "aws: or aws:eu-west-1", []string{paramRole}, openAWS},
	{"agent", "agent: or agent:http://localhost:2773", []string{paramRole, paramRefresh}, func(_ context.Context, url string, p parameters) (secret.Source, error) {
		return agent.New(agent.Config{URL: url, RoleARN: p[paramRole], RefreshNow: p[paramRefresh] == "true"})
	}},
	{"failover", "failover:eu-west-1,eu-central-1", []string{paramRole}, openFailover},
	{"file", "file:/mnt/secrets", nil, func(_ context.Context, dir string, _ parameters) (secret.Source, error) { return file.New(dir) }},
	{"env", "env: or env:PREFIX_", nil, func(_ context.Context, prefix string, _ parameters) (secret.Source, error) {
		if at := firstOutside(prefix, letters+digits+"_.-"); at >= 0 {
			return nil, fmt.Errorf("env: character %d of the prefix is in no variable's name; a prefix looks like SECRET_", at+1)
		}
		return env.New(prefix), nil
	}},
	{"static", "static:dev.json", nil, func(_ context.Context, path string, _ parameters) (secret.Source, error) { return static.Open(path) }},
}

func openAWS(ctx context.Context, region string, p parameters) (secret.Source, error) {
	var opts []func(*config.LoadOptions) error
	if region != "" {
		if !isRegion(region) {
			return nil, errors.New("aws: what follows the colon is no region; one looks like eu-west-1")
		}
		opts = append(opts, config.WithRegion(region))
	}
	if role := p[paramRole]; role != "" {
		return awssm.AssumeRole(ctx, role, opts...)
	}
	return awssm.FromEnvironment(ctx, opts...)
}

func openFailover(ctx context.Context, regions string, p parameters) (secret.Source, error) {
	names := strings.Split(regions, ",")
	for i, name := range names {
		names[i] = strings.TrimSpace(name)
		switch before := slices.Index(names[:i], names[i]); {
		case !isRegion(names[i]):
			return nil, fmt.Errorf("failover: number %d in the list is no region; one looks like eu-west-1", i+1)
		case before >= 0:
			return nil, fmt.Errorf("failover: numbers %d and %d in the list are the same region twice", before+1, i+1)
		}
	}
	if role := p[paramRole]; role != "" {
		return failover.AssumeRole(ctx, role, names...)
	}
	return failover.FromEnvironment(ctx, names...)
}

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

// isRegion reports whether a text can be the name of a region. That name becomes a part of
// a host's name.
func isRegion(text string) bool {
	return text != "" && len(text) <= 63 && firstOutside(text, letters+digits+"-") < 0
}

// firstOutside returns the index of the first character of text that is none of these; -1
// if there is none.
func firstOutside(text, these string) int {
	for i, r := range []rune(text) {
		if !strings.ContainsRune(these, r) {
			return i
		}
	}
	return -1
}

// Open opens the source that a setting names: a scheme, a colon, and what the scheme
// takes.
//
//   - aws: is Secrets Manager as [awssm.FromEnvironment] finds it, aws:eu-west-1 that of
//     a region
//   - agent: is the agent at its usual address on this machine, agent:http://localhost:2773
//     the agent at that URL; see package agent
//   - failover:eu-west-1,eu-central-1 is the first region that can answer
//   - file:/mnt/secrets is a directory of files
//   - env: is the environment, env:SECRET_ the variables that begin so
//   - static:dev.json is a JSON file, static:dev.env one of lines
//
// Behind a question mark stand parameters, with an & between two of them:
//
//   - prefix=staging/ is put before each name, as [WithPrefix] does; any scheme takes it
//   - ttl=10s is the TTL of the default cache; see [TTL]; any scheme takes it
//   - role=arn:aws:iam::123456789012:role/reader is a role to assume; aws:, failover: and
//     agent: take it
//   - refreshNow=true has an agent ask Secrets Manager at each fetch; see [agent.Config]
//
// A character that has a meaning in a setting, such as &, is written as in a URL: %26.
//
// An unknown scheme or parameter is an error that lists the known. Errors wrap
// [cache.ErrInvalidConfig]. A person may have given a secret in place of a setting, so an error
// quotes no part of the setting, except a path or a prefix of letters, digits and the usual
// marks.
func Open(ctx context.Context, setting string) (secret.Source, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	scheme, rest, found := strings.Cut(setting, ":")
	for _, k := range kinds {
		if !found || k.scheme != scheme {
			continue
		}
		s, err := k.openWith(ctx, rest)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", cache.ErrInvalidConfig, err)
		}
		return s, nil
	}
	var forms []string
	for _, k := range kinds {
		forms = append(forms, k.form)
	}
	what := "has no colon after a scheme"
	if found {
		what = "begins with no known scheme"
	}
	return nil, fmt.Errorf("%w: the setting %s; the known are %s", cache.ErrInvalidConfig, what, strings.Join(forms, "; "))
}

func (k kind) openWith(ctx context.Context, text string) (secret.Source, error) {
	rest, p, err := parse(text, append([]string{paramPrefix, paramTTL}, k.parameters...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.scheme, err)
	}
	s, err := k.open(ctx, rest, p)
	if err != nil {
		return nil, err
	}
	if p[paramPrefix] == "" && p.ttl() == 0 {
		return s, nil
	}
	return wrap(s, p[paramPrefix], p.ttl()), nil
}

// FromEnvironment opens the source that the variable TYPEDSECRET_SOURCE names; if it is
// not set or empty, aws:.
func FromEnvironment(ctx context.Context) (secret.Source, error) {
	setting := os.Getenv(Variable)
	if setting == "" {
		return Open(ctx, "aws:")
	}
	s, err := Open(ctx, setting)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Variable, err)
	}
	return s, nil
}
