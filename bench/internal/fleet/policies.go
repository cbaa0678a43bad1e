package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/bench/internal/source"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secret"
)

// A Policy decides when a process fetches its secrets.
type Policy struct {
	Name string
	open func(*process) func(ctx context.Context, id string) (version int, err error)
	// login logs in with the shared secret, and handles a refusal as the policy does.
	// Nothing else reads meanwhile. It is nil if the policy has no way to handle a refusal.
	login func(ctx context.Context, p *process) error
}

// Policies returns the policies that are compared, ours first.
func Policies() []Policy { return []Policy{ours, awsClient, fixedInterval} }

var caches sync.Map // from a *process to its *cache.Cache or *secretcache.Cache

var errRefused = errors.New("password authentication failed")

var ours = Policy{
	Name: "typedsecret",
	open: func(p *process) func(context.Context, string) (int, error) {
		from := secret.SourceFunc(func(ctx context.Context, ref secret.Ref) (secret.Value, error) {
			version, err := p.fetch(ctx, ref.ID)
			return secret.Value{Payload: secret.StringPayload(payload(version)), VersionID: source.VersionID(version)}, err
		})
		c, err := cache.New(from, cache.Config{MaxSize: Secrets}) // to save memory; all else is the default
		if err != nil {
			panic(err)
		}
		caches.Store(p, c)
		return func(ctx context.Context, id string) (int, error) {
			v, err := c.Get(ctx, secret.Ref{ID: id})
			return versionIn(v.Payload.Reveal()), err
		}
	},
	login: func(ctx context.Context, p *process) error {
		c, _ := caches.Load(p)
		handle := typedsecret.New[string](shared, typedsecret.WithCache(c.(*cache.Cache)))
		return handle.Do(ctx, func(_ context.Context, password string) error {
			if versionIn(password) != p.region.current() {
				return typedsecret.Rejected(errRefused)
			}
			return nil
		})
	},
}

var awsClient = Policy{
	Name: "AWS caching client for Go",
	open: func(p *process) func(context.Context, string) (int, error) {
		c, err := secretcache.New(func(c *secretcache.Cache) { c.Client = forAWS{process: p} })
		if err != nil {
			panic(err)
		}
		caches.Store(p, c)
		return func(ctx context.Context, id string) (int, error) {
			v, err := c.GetSecretStringWithContext(ctx, id)
			return versionIn(v), err
		}
	},
	// A user would write this with RefreshNow, which sleeps before it calls.
	login: func(ctx context.Context, p *process) error {
		c, _ := caches.Load(p)
		aws := c.(*secretcache.Cache)
		for _, last := range []bool{false, true} {
			password, err := aws.GetSecretStringWithContext(ctx, shared)
			if err != nil {
				return err
			}
			if versionIn(password) == p.region.current() {
				break
			}
			if last {
				return errRefused
			}
			aws.RefreshNowWithContext(ctx, shared)
		}
		return nil
	},
}

// forAWS is the API that AWS's client calls.
type forAWS struct {
	source.ForAWS // the operations that are never called
	process       *process
}

func (a forAWS) GetSecretValue(
	ctx context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options),
) (*secretsmanager.GetSecretValueOutput, error) {
	version, err := a.process.fetch(ctx, aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	return &secretsmanager.GetSecretValueOutput{
		Name: in.SecretId, SecretString: aws.String(payload(version)),
		VersionId: aws.String(source.VersionID(version)), VersionStages: []string{"AWSCURRENT"},
	}, nil
}

func (a forAWS) DescribeSecret(
	ctx context.Context, in *secretsmanager.DescribeSecretInput, _ ...func(*secretsmanager.Options),
) (*secretsmanager.DescribeSecretOutput, error) {
	version, err := a.process.fetch(ctx, aws.ToString(in.SecretId))
	if err != nil {
		return nil, err
	}
	return &secretsmanager.DescribeSecretOutput{
		Name: in.SecretId, VersionIdsToStages: map[string][]string{source.VersionID(version): {"AWSCURRENT"}},
	}, nil
}

// fixedInterval fetches an hour after the last success, and a minute after a failure.
var fixedInterval = Policy{
	Name: "fixed interval of 1 h",
	open: func(p *process) func(context.Context, string) (int, error) {
		type state struct {
			version int
			next    time.Time
			err     error
		}
		states := map[string]*state{}
		return func(ctx context.Context, id string) (int, error) {
			s := states[id]
			if s == nil {
				s = &state{}
				states[id] = s
			}
			if time.Now().Before(s.next) {
				return s.version, s.err
			}
			version, err := p.fetch(ctx, id)
			if err == nil {
				s.version, s.err, s.next = version, nil, time.Now().Add(ttl)
				return version, nil
			}
			s.next = time.Now().Add(time.Minute)
			if s.version == 0 {
				s.err = err
			}
			return s.version, s.err
		}
	},
}
