package pushed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/notify"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// A process is what one process of a fleet has: a client of Secrets Manager, a cache, handles,
// and a Receiver.
type process struct {
	number    int
	transport *http.Transport
	secrets   *cache.Cache
	handles   map[string]*typedsecret.Secret[string] // by the names of the secrets
	ready     chan struct{}                          // closed when the first event has come

	stop    context.CancelFunc
	running sync.WaitGroup
	err     error // of Receive, once running is done
}

// startProcess starts a process that has read all secrets.
func startProcess(ctx context.Context, number int, s Scenario, endpoint string, names []string, b *book) (*process, error) {
	p := &process{
		number: number, transport: &http.Transport{MaxIdleConnsPerHost: 64},
		handles: map[string]*typedsecret.Secret[string]{}, ready: make(chan struct{}), stop: func() {},
	}
	source, err := awssm.New(newClient(endpoint, p.transport))
	if err != nil {
		return nil, err
	}
	p.secrets, err = cache.New(source, cache.Config{EventSpread: s.Spread, Observer: hook.ObserverFunc(func(_ context.Context, e hook.Event) {
		switch e := e.(type) {
		case hook.Rotated:
			b.see(number, e.VersionID)
		case hook.Fetched:
			b.fetch(number, e.ID)
		}
	})})
	if err != nil {
		return nil, err
	}
	var all []typedsecret.Handle
	for _, name := range names {
		p.handles[name] = typedsecret.New[string](name, typedsecret.WithCache(p.secrets))
		all = append(all, p.handles[name])
	}
	if err := typedsecret.Preload(ctx, all...); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func newClient(endpoint string, transport *http.Transport) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: &endpoint, HTTPClient: &http.Client{Transport: transport},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "service", SecretAccessKey: "service"}, nil
		}),
	})
}

// listen runs a Receiver until the process is closed.
func (p *process) listen(r notify.Receiver, b *book) {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	var once sync.Once
	p.running.Go(func() {
		p.err = r.Receive(ctx, func(ctx context.Context, e notify.Event) error {
			once.Do(func() { close(p.ready) })
			if b.hear(p.number, e.VersionID); e.Kind == notify.Missed {
				b.miss(p.number, slices.Collect(maps.Keys(p.handles)))
			}
			return p.secrets.HandleEvent(ctx, e)
		})
	})
}

// check returns an error if a handle does not have its secret's value.
func (p *process) check(ctx context.Context, values map[string]string) error {
	for name, want := range values {
		switch got, err := p.handles[name].Get(ctx); {
		case err != nil:
			return err
		case got != want:
			return fmt.Errorf("the handle on %s in process %d has another value than its cache", name, p.number)
		}
	}
	return nil
}

func (p *process) close() error {
	p.stop()
	p.running.Wait()
	err := p.secrets.Close()
	p.transport.CloseIdleConnections()
	return errors.Join(p.err, err)
}
