package redissecret

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/rejected"
)

// A hook puts the secret's credentials into the logins of new connections, and repeats
// logins that are refused. go-redis calls hooks also for the HELLO and AUTH at the start of
// a connection, with the context of the command that needs the connection. The hook leaves
// every other command as it is, and sends none again.
type hook[T any] struct {
	secret      *typedsecret.Secret[T]
	credentials func(T) (user, password string)

	// placeholder is the password in go-redis's options. It distinguishes a login of
	// go-redis from an AUTH of the caller, which may be for another user.
	placeholder string
}

func newHook[T any](secret *typedsecret.Secret[T], credentials func(T) (user, password string)) *hook[T] {
	return &hook[T]{secret: secret, credentials: credentials, placeholder: rand.Text()}
}

// provide is a CredentialsProviderContext of go-redis's options.
func (h *hook[T]) provide(context.Context) (user, password string, err error) {
	return "", h.placeholder, nil
}

// DialHook implements redis.Hook.
func (h *hook[T]) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook. go-redis never logs in by a pipeline.
func (h *hook[T]) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (h *hook[T]) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if name := cmd.Name(); name != "hello" && name != "auth" || !slices.Contains(cmd.Args(), any(h.placeholder)) {
			return next(ctx, cmd)
		}
		return h.logIn(ctx, cmd.Args(), next)
	}
}

// logIn sends a login like the one in args, with the secret's credentials.
func (h *hook[T]) logIn(ctx context.Context, args []any, send redis.ProcessHook) error {
	if h.credentials == nil {
		return errors.New("redissecret: the function that makes the credentials of the secret is nil")
	}
	var answer error
	err := h.secret.Do(ctx, func(ctx context.Context, value T) error {
		user, password := h.credentials(value)
		login := loginArgs(args, user, password)
		if login == nil {
			answer = nil
			return errNoRefusal
		}
		answer = withoutArgs(send(ctx, redis.NewCmd(ctx, login...)))
		switch {
		case answer == nil:
			return nil
		case rejected.Redis(answer):
			return typedsecret.Rejected(answer)
		}
		return errNoRefusal
	})
	switch {
	case err == nil, errors.Is(err, errNoRefusal):
		return answer
	case errors.Is(err, typedsecret.ErrRejected):
		return &refusal{err}
	}
	return fmt.Errorf("redissecret: %w", err) // wrapped, since go-redis unwraps it once
}

// errNoRefusal ends Do: the answer says nothing about the credential. Only logIn sees it.
var errNoRefusal = errors.New("redissecret: no refusal")

// withoutArgs removes the command's arguments from an answer. Redis quotes them if it does
// not know the command, such as a renamed AUTH, and they hold the password.
func withoutArgs(answer error) error {
	if answer == nil {
		return nil
	}
	text, _, quotes := strings.Cut(answer.Error(), ", with args beginning with:")
	if !quotes {
		return answer
	}
	return unknownCommand(text)
}

// An unknownCommand is Redis's answer to a command that it does not know. After such an
// answer to HELLO, go-redis tries AUTH.
type unknownCommand string

func (u unknownCommand) Error() string { return string(u) }

// RedisError implements redis.Error.
func (unknownCommand) RedisError() {}

// loginArgs returns the arguments of a login, given those of one that go-redis makes for
// the default user:
//
//	HELLO 3 AUTH default <placeholder> [SETNAME …]
//	AUTH <placeholder>
//
// It returns nil if args are not such a login.
func loginArgs(args []any, user, password string) []any {
	switch isHello := len(args) >= 5; {
	case isHello && password == "":
		return slices.Concat(args[:2], args[5:])
	case isHello && user == "":
		return slices.Concat(args[:4], []any{password}, args[5:])
	case isHello:
		return slices.Concat(args[:3], []any{user, password}, args[5:])
	case password == "":
		return nil
	case user == "":
		return []any{args[0], password}
	}
	return []any{args[0], user, password}
}

// A refusal is the error with which Do gave up. It does not unwrap to the answer of Redis:
// from an error answer to HELLO, go-redis would conclude that Redis is too old for HELLO,
// and try AUTH.
type refusal struct{ err error }

func (r *refusal) Error() string { return "redissecret: " + r.err.Error() }

// Is lets errors.Is find typedsecret.ErrRejected, and the reason why there was no other
// try.
func (r *refusal) Is(target error) bool { return errors.Is(r.err, target) }

// As lets errors.As find the *typedsecret.Error, which wraps the answer of Redis.
func (r *refusal) As(target any) bool {
	to, ok := target.(**typedsecret.Error)
	return ok && errors.As(r.err, to)
}
