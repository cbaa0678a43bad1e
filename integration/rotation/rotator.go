// Package rotation rotates a database's password in the same way as AWS's templates for
// rotation functions. RotateSecret of secrettest calls it in four steps. It uses the
// service's API and a real database. A [Rotator] serves one fake Secrets Manager:
// [Rotator.Manage] gives it a secret, [Rotator.Rotate] rotates the secret, and
// [Rotator.Cancel] undoes a rotation that is half finished.
//
// # Faults
//
// A test makes requests of an application fail, and the rotator must go on meanwhile. So
// the rotator calls GetSecretValue only for versions that it neither wrote nor read before.
// After Manage it needs no such call. A [secrettest.Fault] with the Operation
// "GetSecretValue" or "BatchGetSecretValue" does not affect the rotator, and the rotator
// does not use it up or count in it. A fault of all operations does affect the rotator: it
// then repeats its requests many times, after short waits. Its requests have "app/rotation"
// in their UserAgent.
package rotation

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

// Database is a server that has users with passwords. Both methods are called with the
// context of the rotation, from one goroutine at a time for each secret.
type Database interface {
	// SetPassword gives an existing user another password.
	SetPassword(ctx context.Context, user, password string) error
	// CheckLogin logs in.
	CheckLogin(ctx context.Context, user, password string) error
}

// ErrCanceled is the error of a rotation that [Rotator.Cancel] has stopped.
var ErrCanceled = errors.New("the rotation was cancelled")

// Rotator is the rotation function of a fake Secrets Manager, for all secrets that it
// manages. Its methods are safe for concurrent use.
type Rotator struct {
	client *secretsmanager.Client

	mu      sync.Mutex          // guards secrets
	secrets map[string]*managed // by ARN
}

// New makes a Rotator, and makes it the server's rotation function.
func New(server *secrettest.Server) *Rotator {
	r := &Rotator{client: client(server), secrets: map[string]*managed{}}
	server.OnRotate(r.step)
	return r
}

// Manage lets the rotator manage a secret. For a secret that it manages already, the new
// Config counts from the next step on. The secret is a JSON object with the keys username
// and password; a rotation keeps all other keys. Manage turns rotation on and reads the
// existing versions, but rotates nothing.
func (r *Rotator) Manage(ctx context.Context, secretID string, cfg Config) error {
	if cfg.Database == nil {
		return errors.New("rotation: a Config without a Database")
	}
	d, err := r.describe(ctx, secretID)
	if err != nil {
		return err
	}
	r.mu.Lock()
	m := r.secrets[d.arn]
	if m == nil {
		m = newManaged(r.client, d.arn)
		r.secrets[d.arn] = m
	}
	r.mu.Unlock()
	m.configure(cfg)
	for _, stage := range []string{stageCurrent, stagePrevious} {
		if id := d.staged(stage); id != "" {
			if _, err := m.value(ctx, id); err != nil {
				return err
			}
		}
	}
	_, err = r.client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId:           &d.arn,
		ClientRequestToken: aws.String(newToken()),
		RotationLambdaARN:  aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotation"),
		RotateImmediately:  aws.Bool(false),
	})
	return wrap("RotateSecret", err)
}

// Rotate starts a rotation by RotateSecret, waits until its four steps have ended and
// returns the error of the one that failed, if any. If an earlier rotation is unfinished,
// the service begins no other, but tries that one again, and Rotate waits for it. When ctx
// ends, Rotate returns, and the rotation goes on.
func (r *Rotator) Rotate(ctx context.Context, secretID string) error {
	m, err := r.find(ctx, secretID)
	if err != nil {
		return err
	}
	if err := m.turn.take(ctx); err != nil {
		return err
	}
	defer m.turn.release()
	d, err := r.describe(ctx, m.arn) // not earlier, since another goroutine may have had the turn
	if err != nil {
		return err
	}
	token := newToken()
	run := m.expect(cmp.Or(d.unfinished(), token))
	if err := r.start(ctx, m, run, token); err != nil {
		m.forget(run, err)
		return err
	}
	return run.wait(ctx)
}

// start calls RotateSecret until the run has begun.
func (r *Rotator) start(ctx context.Context, m *managed, run *run, token string) error {
	for delay := time.Millisecond; ; delay = min(2*delay, 100*time.Millisecond) {
		if err := r.ask(ctx, m, run, token); err != nil {
			return err
		}
		// The service may still consider an earlier rotation to be under way. It then
		// starts no other, so the request has to be repeated.
		timer := time.NewTimer(delay)
		select {
		case <-run.started:
			timer.Stop()
			return nil
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		token = newToken()
	}
}

// ask calls RotateSecret unless the run has started. The gate prevents the run from
// starting meanwhile: otherwise the run could end before the request, which would then
// begin another rotation.
func (r *Rotator) ask(ctx context.Context, m *managed, run *run, token string) error {
	if err := m.gate.take(ctx); err != nil {
		return err
	}
	defer m.gate.release()
	select {
	case <-run.started:
		return nil
	default:
	}
	_, err := r.client.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: &m.arn, ClientRequestToken: &token})
	if _, again := errors.AsType[*types.InvalidRequestException](err); again && token != run.token {
		return nil // the service tries the unfinished rotation again
	}
	return wrap("RotateSecret", err)
}

// Cancel stops a rotation under way, or gives up one that has failed. It gives the user
// whose password may have changed the password in AWSCURRENT again, or that in AWSPREVIOUS
// if AWSCURRENT has another user. Then it removes AWSPENDING. Without such a rotation it
// does nothing.
func (r *Rotator) Cancel(ctx context.Context, secretID string) error {
	m, err := r.find(ctx, secretID)
	if err != nil {
		return err
	}
	if err := m.interrupt(ctx); err != nil {
		return err
	}
	if err := m.turn.take(ctx); err != nil {
		return err
	}
	defer m.turn.release()
	d, err := r.describe(ctx, m.arn)
	if err != nil {
		return err
	}
	pending := d.unfinished()
	if pending == "" {
		return nil
	}
	// The label is removed last: as long as it exists, Cancel can be tried again.
	if err := m.restore(ctx, d, pending); err != nil {
		return err
	}
	_, err = r.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &m.arn, VersionStage: aws.String(stagePending), RemoveFromVersionId: &pending,
	})
	return wrap("UpdateSecretVersionStage", err)
}

// find returns the managed secret of this name or ARN.
func (r *Rotator) find(ctx context.Context, secretID string) (*managed, error) {
	d, err := r.describe(ctx, secretID)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.secrets[d.arn]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("rotation: the secret %q is not managed", secretID)
}

// step is the rotation function.
func (r *Rotator) step(ctx context.Context, s secrettest.RotationStep) error {
	r.mu.Lock()
	m := r.secrets[s.SecretID]
	r.mu.Unlock()
	if m == nil {
		return fmt.Errorf("rotation: the secret %q is not managed", s.SecretID)
	}
	return m.step(ctx, s.Step, s.ClientRequestToken)
}

// newToken returns a ClientRequestToken, which becomes a version's ID.
func newToken() string {
	var b [16]byte
	rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
