package sqlsecret

import (
	"context"
	"errors"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/internal/guard"
)

// Prove retires the older connections of a pool that opens no new ones. [OpenDB] does this
// itself; Prove is for a pool with [Logins] of its own. It runs until ctx ends.
//
// Prove watches the secret. After a new version it gives the pool a second to log in with it.
// If the pool has not done so, and has connections of another version, Prove calls logIn
// with the value. A nil error proves the version. If the login is refused, Prove tries
// again after 1 s, 2 s and so on up to 10 minutes, while the pool has connections.
//
// The function conns returns how many connections the pool has. The function logIn opens a
// connection with the value and closes it at once. It is called in a
// [typedsecret.Secret.Do], so its errors are judged as those of Do. Its context ends after
// 30 s.
func Prove[T any](ctx context.Context, secret *typedsecret.Secret[T], logins *Logins, conns func() int, logIn func(context.Context, T) error) {
	p := prover[T]{secret: secret, logins: logins, conns: conns, logIn: logIn}
	for range secret.Watch(ctx) {
		p.prove(ctx)
	}
}

// A prover is what Prove works with.
type prover[T any] struct {
	secret *typedsecret.Secret[T]
	logins *Logins
	conns  func() int
	logIn  func(context.Context, T) error
}

// probeDelays are the delays before the logins of prove, for which no query waits.
var probeDelays = backoff.Policy{Max: 10 * time.Minute, Jitter: backoff.EqualJitter}

// probeTimeout bounds one login of prove.
const probeTimeout = 30 * time.Second

// prove logs in with the present version, only to find out whether the database accepts it.
// It does so if there are connections of another version to retire, and no login of the
// pool has shown it meanwhile. The login is in a [typedsecret.Secret.Do], like those of the
// pool, so the same limits hold for it. If the login is refused, prove tries again later,
// as long as the pool has connections: further refusals may lock an account, and a pool
// without connections has nothing to gain from them.
func (p prover[T]) prove(ctx context.Context) {
	for n := 1; ; n++ {
		if _, info, err := p.secret.GetWithInfo(ctx); err == nil && !p.logins.awaits(info) || p.conns() == 0 {
			return
		}
		select {
		case <-time.After(probeDelays.Delay(n)):
		case <-ctx.Done():
			return
		}
		p.try(ctx)
	}
}

// try makes one login with each version that Do gives it. The next round of prove sees the
// result.
func (p prover[T]) try(ctx context.Context) {
	tried := map[string]bool{}
	login := p.logins.Begin()
	_ = p.secret.DoWithInfo(ctx, func(_ context.Context, value T, info typedsecret.Info) error {
		if tried[info.VersionID] || !p.logins.awaits(info) || p.conns() == 0 {
			return errNotNeeded
		}
		tried[info.VersionID] = true
		err := p.probe(ctx, value)
		if err == nil {
			login.Succeeded(info)
		}
		login = p.logins.Begin()
		return err
	})
}

// errNotNeeded reports that no login was needed. Only try sees it.
var errNotNeeded = errors.New("sqlsecret: there is nothing to prove")

// probe logs in once. A driver that panics does not end the process.
func (p prover[T]) probe(ctx context.Context, value T) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return guard.Call("driver", func() error { return p.logIn(ctx, value) })
}
