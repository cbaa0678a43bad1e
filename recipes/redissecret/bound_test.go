package redissecret_test

import (
	"context"
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret"
)

// An answer is an error of Redis.
type answer string

func (a answer) Error() string { return string(a) }
func (answer) RedisError()     {}

// answers stands for Redis, for logins only.
type answers struct {
	refused int
	busy    bool // the next answer says nothing about the credential
}

func (a *answers) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a *answers) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (a *answers) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if name := cmd.Name(); name != "hello" && name != "auth" {
			return next(ctx, cmd)
		}
		if a.busy = !a.busy; a.busy {
			return answer("LOADING Redis is loading the dataset in memory")
		}
		a.refused++
		return answer("WRONGPASS invalid username-password pair or user is disabled.")
	}
}

// TestAnAnswerThatIsNoRefusalIsNoAcceptance: it does not reset the count of a bound.
func TestAnAnswerThatIsNoRefusalIsNoAcceptance(t *testing.T) {
	_, _, client := start(t, func(o *redis.Options) { o.MaxRetries = -1 },
		typedsecret.WithMaxRejections(4), typedsecret.WithRetryBudget(0))
	a := new(answers)
	client.AddHook(a)
	var err error
	for range 20 {
		err = client.Ping(t.Context()).Err()
	}
	if !errors.Is(err, typedsecret.ErrRejected) || a.refused > 3 {
		t.Errorf("refused %d times; the last error is %v", a.refused, err)
	}
}
