package rotation

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// create puts a new password as AWSPENDING, unless an earlier attempt has done so.
func (m *managed) create(ctx context.Context, cfg Config, token string) error {
	d, err := describe(ctx, m.client, m.arn)
	if err != nil {
		return err
	}
	current, err := m.value(ctx, d.staged(stageCurrent))
	if err != nil {
		return err
	}
	if _, there := m.remembered(token); there {
		return nil
	}
	next := current.with(cfg.Strategy(current.username), rand.Text())
	_, err = m.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: &m.arn, ClientRequestToken: &token,
		SecretString: aws.String(next.text()), VersionStages: []string{stagePending},
	})
	if _, there := errors.AsType[*types.ResourceExistsException](err); there {
		_, err = m.value(ctx, token) // the attempt was another rotator's
		return err
	}
	if err != nil {
		return wrap("PutSecretValue", err)
	}
	m.remember(token, next)
	return nil
}

// set makes the database accept the new password.
func (m *managed) set(ctx context.Context, cfg Config, token string) error {
	v, err := m.value(ctx, token)
	if err != nil {
		return err
	}
	return m.conceal(cfg.Database.SetPassword(ctx, v.username, v.password))
}

// test logs in with the new password.
func (m *managed) test(ctx context.Context, cfg Config, token string) error {
	v, err := m.value(ctx, token)
	if err != nil {
		return err
	}
	return m.conceal(cfg.Database.CheckLogin(ctx, v.username, v.password))
}

// finish moves AWSCURRENT to the new version. If the answer to the first request was lost,
// a repeated request is refused although the label is at the right version.
func (m *managed) finish(ctx context.Context, _ Config, token string) error {
	d, err := describe(ctx, m.client, m.arn)
	if err != nil || d.staged(stageCurrent) == token {
		return err
	}
	_, err = m.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &m.arn, VersionStage: aws.String(stageCurrent),
		MoveToVersionId: &token, RemoveFromVersionId: aws.String(d.staged(stageCurrent)),
	})
	if err == nil {
		return nil
	}
	if d, again := describe(ctx, m.client, m.arn); again == nil && d.staged(stageCurrent) == token {
		return nil
	}
	return wrap("UpdateSecretVersionStage", err)
}

// restore sets the database back to its state before the rotation of the pending version.
func (m *managed) restore(ctx context.Context, d description, pending string) error {
	cfg := m.config()
	current, err := m.value(ctx, d.staged(stageCurrent))
	if err != nil {
		return err
	}
	user := cfg.Strategy(current.username)
	if next, there := m.remembered(pending); there {
		user = next.username
	}
	for _, stage := range []string{stageCurrent, stagePrevious} {
		id := d.staged(stage)
		if id == "" {
			continue
		}
		v, err := m.value(ctx, id)
		if err != nil {
			return err
		}
		if v.username == user {
			return wrap("Cancel", m.conceal(cfg.Database.SetPassword(ctx, v.username, v.password)))
		}
	}
	return nil // no version in use has this user
}
