package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret"
)

type natsTarget struct {
	conn    *nats.Conn
	subject string
}

// newNATS begins to connect, and goes on for ever in the background. The client keeps no event for
// a later connection, since the queue does.
func newNATS(s settings, log *slog.Logger) (target, error) {
	options := []nats.Option{
		nats.Name("typedsecret-relay"), nats.RetryOnFailedConnect(true), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(), // the password may be rotated
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("nats failed", "error", err.Error())
		}),
	}
	switch {
	case s.natsCreds != "":
		options = append(options, nats.UserCredentials(s.natsCreds))
	case s.natsSecret != "":
		secret := typedsecret.New[login](s.natsSecret)
		options = append(options, nats.UserInfoHandler(func() (user, password string) { return logIn(secret, log) }))
	case s.natsUser != "":
		options = append(options, nats.UserInfo(s.natsUser, s.natsPassword))
	}
	conn, err := nats.Connect(s.nats, options...)
	if err != nil {
		return nil, fmt.Errorf("-nats: %w", err)
	}
	return &natsTarget{conn, s.natsSubject}, nil
}

// loginTimeout bounds a read of the secret that holds NATS's login.
const loginTimeout = 5 * time.Second

// logIn returns the login for a new connection. It reads the secret anew, since the password may
// have been rotated; in an outage of Secrets Manager it returns the last login.
func logIn(secret *typedsecret.Secret[login], log *slog.Logger) (user, password string) {
	ctx, cancel := context.WithTimeout(context.Background(), loginTimeout)
	defer cancel()
	l, err := secret.Refresh(ctx)
	if err != nil {
		log.Warn("the login for nats can't be read anew", "error", err.Error())
		l, _, _ = secret.Peek()
	}
	return l.credentials()
}

func (t *natsTarget) name() string { return "nats" }

// publish waits for the server's answer to a ping behind the message. NATS reports a message
// that it refuses before that answer, as the connection's last error.
func (t *natsTarget) publish(ctx context.Context, message []byte) error {
	before := t.conn.LastError()
	if err := t.connected(); err != nil {
		return err
	}
	if err := t.conn.Publish(t.subject, message); err != nil {
		return err
	}
	if err := t.conn.FlushWithContext(ctx); err != nil {
		return err
	}
	if after := t.conn.LastError(); after != before && errors.Is(after, nats.ErrPermissionViolation) {
		return after
	}
	return nil
}

func (t *natsTarget) ping(ctx context.Context) error {
	if err := t.connected(); err != nil {
		return err
	}
	return t.conn.FlushWithContext(ctx)
}

// connected returns an error that says why there is no connection.
func (t *natsTarget) connected() error {
	if t.conn.IsConnected() {
		return nil
	}
	if err := t.conn.LastError(); err != nil {
		return fmt.Errorf("not connected: %w", err)
	}
	return errors.New("not connected")
}

func (t *natsTarget) close() { t.conn.Close() }
