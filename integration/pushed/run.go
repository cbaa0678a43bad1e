package pushed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

const (
	// patience bounds the wait for a process to have a value.
	patience = time.Minute

	// outageRotations are those of one round with an outage. Few secrets are held then, since a
	// cache looks at 10 a second after events were missed.
	outageRotations = 20

	// firstProbe is the pause after the first event that shows whether a carrier works.
	firstProbe = 20 * time.Millisecond
)

// Run plays a scenario with this many rotations, each of a secret of its own.
func Run(ctx context.Context, s Scenario, servers *Servers, rotations int) (Result, error) {
	r := Result{Scenario: s}
	atOnce := rotations
	if s.Outage != "" {
		atOnce = outageRotations
	}
	for left := rotations; left > 0; left -= atOnce {
		if err := play(ctx, s, servers, min(left, atOnce), &r); err != nil {
			return r, fmt.Errorf("pushed: %s: %w", s.Name, err)
		}
	}
	return r, nil
}

// A round has processes of its own.
type round struct {
	Scenario
	*book
	carrier   carrier
	manager   *secrettest.Server
	transport *http.Transport
	client    *secretsmanager.Client // of the rotations
	names     []string
	values    map[string]string
	processes []*process
}

// play plays one round and adds to the result.
func play(ctx context.Context, s Scenario, servers *Servers, rotations int, to *Result) (err error) {
	r := &round{Scenario: s, book: newBook(s.Processes), values: map[string]string{}, transport: &http.Transport{}}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(ctx, servers, rotations); err != nil {
		return err
	}
	before := r.calls()
	if s.Outage == "" {
		err = r.rotateInCalm(ctx)
	} else {
		err = r.rotateInOutage(ctx)
	}
	if err != nil {
		return err
	}
	to.Fetches += r.calls() - before
	unseen := to.Unseen
	r.count(to)
	for _, p := range r.processes {
		if to.Unseen > unseen {
			break
		}
		if err := p.check(ctx, r.values); err != nil {
			return err
		}
	}
	return nil
}

// calls returns how many requests for values have reached Secrets Manager.
func (r *round) calls() int { return r.manager.Calls("GetSecretValue", "BatchGetSecretValue") }

// open starts everything, and returns when events reach each process.
func (r *round) open(ctx context.Context, servers *Servers, secrets int) (err error) {
	if r.manager, err = secrettest.Start(secrettest.Config{}); err != nil {
		return err
	}
	r.client = newClient(r.manager.URL(), r.transport)
	// The names are of this round alone, since a rule on moto brings the events of other rounds too.
	prefix := "prod/" + servers.name() + "/"
	for n := range secrets {
		name := prefix + strconv.Itoa(n)
		r.names = append(r.names, name)
		if _, err := r.manager.Create(name, "first"); err != nil {
			return err
		}
	}
	newCarrier, known := carriers[r.Carrier]
	if !known {
		return fmt.Errorf("no carrier is called %q", r.Carrier)
	}
	if r.carrier, err = newCarrier(ctx, servers); err != nil {
		return err
	}
	for n := range r.Processes {
		p, err := startProcess(ctx, n, r.Scenario, r.manager.URL(), r.names, r.book)
		if err != nil {
			return err
		}
		r.processes = append(r.processes, p)
		receiver, err := r.carrier.receiver(ctx)
		if err != nil {
			return err
		}
		p.listen(receiver, r.book)
	}
	if err := r.probe(ctx); err != nil {
		return err
	}
	r.manager.OnEvent(r.deliver)
	return nil
}

// probe sends events that concern no secret until each process has got one.
func (r *round) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.carrier.send(ctx, probe()); err != nil {
		return err
	}
	pause := firstProbe
	for _, p := range r.processes {
		for ready := false; !ready; {
			select {
			case <-p.ready:
				ready = true
			case <-time.After(pause):
				pause *= 2
				if err := r.carrier.send(ctx, probe()); err != nil {
					return err
				}
			case <-ctx.Done():
				return fmt.Errorf("no event reaches process %d: %w", p.number, ctx.Err())
			}
		}
	}
	return nil
}

// probe is an event of a secret that nobody holds.
func probe() secrettest.Event {
	return secrettest.Event{
		Version: "0", ID: rand.Text(), DetailType: "Secret Label Updated", Source: "aws.secretsmanager",
		Account: "123456789012", Time: time.Now().UTC().Truncate(time.Second), Region: "us-east-1",
		Resources: []string{"arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/probe-a1b2c3"},
		Detail:    secrettest.EventDetail{Name: "prod/probe", LabelUpdated: "AWSCURRENT", VersionID: newVersion()},
	}
}

// deliver hands an event to the carrier. In an outage of the carrier, the event may be lost.
func (r *round) deliver(ctx context.Context, e secrettest.Event) error {
	err := r.carrier.send(ctx, e)
	if err != nil && r.Outage == "" {
		return err // and it is sent again
	}
	r.send(e.Detail.VersionID)
	return nil
}

// newVersion returns a version ID.
func newVersion() string { return rand.Text() + rand.Text() }

// rotate gives a secret a new version.
func (r *round) rotate(ctx context.Context, name string) (*rotated, error) {
	version, value := newVersion(), rand.Text()
	r.values[name] = value
	rotation := r.begin(version)
	_, err := r.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &name, SecretString: &value, ClientRequestToken: &version,
	})
	return rotation, err
}

// await waits until each process has the versions. If one does not get it in time, that is no
// error; the book shows it.
func await(ctx context.Context, rotations ...*rotated) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	for _, rotation := range rotations {
		select {
		case <-rotation.done:
		case <-ctx.Done():
			if err := context.Cause(ctx); !errors.Is(err, errPatience) {
				return err
			}
		}
	}
	return nil
}

var errPatience = errors.New("a process has not got a value in time")

// rotateAll rotates secrets, with at most this many under way at once, and returns when each
// process has all versions but those of the last rotations under way.
func (r *round) rotateAll(ctx context.Context, names []string, atOnce int) (underWay []*rotated, err error) {
	for _, name := range names {
		if len(underWay) == atOnce {
			if err := await(ctx, underWay[0]); err != nil {
				return nil, err
			}
			underWay = underWay[1:]
		}
		rotation, err := r.rotate(ctx, name)
		if err != nil {
			return nil, err
		}
		underWay = append(underWay, rotation)
	}
	return underWay, nil
}

// rotateInCalm rotates all secrets.
func (r *round) rotateInCalm(ctx context.Context) error {
	underWay, err := r.rotateAll(ctx, r.names, max(r.AtOnce, 1))
	if err != nil {
		return err
	}
	return await(ctx, underWay...)
}

// rotateInOutage rotates half of the secrets while all is well, a quarter in the outage, and a
// quarter as soon as it has ended. The outage begins while some rotations are under way.
func (r *round) rotateInOutage(ctx context.Context) error {
	outage, known := r.carrier.outages()[r.Outage]
	if !known {
		return fmt.Errorf("the carrier %q has no outage %q", r.Carrier, r.Outage)
	}
	well, down := len(r.names)/2, len(r.names)*3/4
	before, err := r.rotateAll(ctx, r.names[:well], len(r.names)/4)
	if err != nil {
		return err
	}
	if err := outage.down(); err != nil {
		return err
	}
	during, err := r.rotateAll(ctx, r.names[well:down], len(r.names))
	if err != nil {
		return err
	}
	for _, rotation := range during {
		select {
		case <-rotation.sent:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := outage.up(); err != nil {
		return err
	}
	after, err := r.rotateAll(ctx, r.names[down:], len(r.names))
	if err != nil {
		return err
	}
	if err := await(ctx, slices.Concat(before, during, after)...); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.settle(ctx)
}

func (r *round) close() (err error) {
	for _, p := range r.processes {
		err = errors.Join(err, p.close())
	}
	if r.manager != nil {
		r.manager.Close()
	}
	if r.carrier != nil {
		err = errors.Join(err, r.carrier.close())
	}
	r.transport.CloseIdleConnections()
	return err
}
