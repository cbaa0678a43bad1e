// Package natsnotify brings the events of rotations to a process from a subject of NATS. Every
// process that subscribes gets each event, so one relay reaches a whole fleet:
//
//	receiver, err := natsnotify.New(natsnotify.Config{URL: "nats://nats:4222", Subject: "rotations"})
//	…
//	err = receiver.Receive(ctx, secrets.HandleEvent) // until ctx ends
//
// NATS keeps nothing for a process that is not connected. So after each reconnect, and when
// events had to be dropped, the [Receiver] makes an event of the kind [notify.Missed], after
// which a cache looks at all that it holds. It notices within a minute that a server answers no
// more.
//
// The user of NATS needs the permission to subscribe to the subject, and no other. A user that
// may publish there can make the fleet fetch its secrets, within the budget of each cache, and
// can do no more.
package natsnotify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/typedsecret/typedsecret/notify"
)

// A Config says where the events come from. URL and Subject are required.
type Config struct {
	// URL is that of the server, such as nats://nats:4222 or tls://nats:4222, or several with
	// commas between them. A user or a password in it is an error: those belong to Credentials.
	URL string

	// Subject is where the events are published, as messages that [notify.Parse] reads. It may
	// have the wildcards of NATS.
	Subject string

	// Credentials returns how to log in, such as nats.UserInfo(user, password), nats.Token or
	// nats.UserJWTAndSeed. It is called for each connection and may read a Secret, so that
	// the login may be rotated. The argument refused says that NATS has refused the last one:
	// then read the Secret by Refresh, since no event of its rotation comes without a
	// connection. Nil: no login, or the one in Options.
	Credentials func(ctx context.Context, refused bool) (nats.Option, error)

	// Options are further options of each connection, such as nats.RootCAs. Those about
	// reconnects have no effect: the Receiver connects anew by itself.
	Options []nats.Option

	// OnError is called with each error that a [notify.Receiver] reports, perhaps by several
	// goroutines at once. Default: the errors are dropped.
	OnError func(err error)
}

const (
	// pingInterval is the time between pings. The third without an answer ends the connection,
	// so within a minute. The default of nats.go takes up to six.
	pingInterval = 20 * time.Second
	// subscribing is how long the server may take to confirm a subscription.
	subscribing = 10 * time.Second
)

// A Receiver is a [notify.Receiver] with a connection of its own to NATS. It is safe for
// concurrent use; each call of Receive has a connection.
type Receiver struct{ cfg Config }

var _ notify.Receiver = (*Receiver)(nil)

// New returns a Receiver. It does not connect yet.
func New(cfg Config) (*Receiver, error) {
	if cfg.URL == "" || cfg.Subject == "" {
		return nil, errors.New("natsnotify: set Config.URL and Config.Subject")
	}
	for i, server := range strings.Split(cfg.URL, ",") {
		switch u, err := url.Parse(strings.TrimSpace(server)); {
		case err != nil || u.Host == "":
			return nil, fmt.Errorf("natsnotify: server %d of Config.URL is no URL; one is like nats://nats:4222", i+1)
		case u.User != nil:
			return nil, fmt.Errorf("natsnotify: server %d of Config.URL has a login; return it from Config.Credentials, so that it may be rotated", i+1)
		}
	}
	return &Receiver{cfg}, nil
}

// Receive calls handle for each event, from one goroutine, until ctx ends. Its only error is that
// handle is nil.
// If ctx ends while it connects to a server that does not answer, it returns when the nats.Timeout
// in Options is over, by default 2 s for each server.
func (r *Receiver) Receive(ctx context.Context, handle func(ctx context.Context, e notify.Event) error) error {
	if handle == nil {
		return errors.New("natsnotify: the function that takes the events is nil")
	}
	d := &notify.Delivery{Handle: handle, OnError: r.cfg.OnError, Lossy: true}
	refused := false // whether NATS refused the last login
	d.Run(ctx, func(ctx context.Context) error {
		options, err := r.options(ctx, d, refused)
		if err != nil {
			return fmt.Errorf("natsnotify: %w", err)
		}
		err = r.connect(ctx, d, options)
		refused = isRefusal(err)
		return fmt.Errorf("natsnotify: %w", err)
	})
	return nil
}

// isRefusal reports whether NATS has refused a login, or ended the connection that it made.
func isRefusal(err error) bool {
	for _, refusal := range []string{
		nats.AUTHORIZATION_ERR, nats.AUTHENTICATION_EXPIRED_ERR, nats.AUTHENTICATION_REVOKED_ERR, nats.ACCOUNT_AUTHENTICATION_EXPIRED_ERR,
	} {
		if strings.Contains(strings.ToLower(err.Error()), refusal) {
			return true
		}
	}
	return errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked)
}

// connect connects once, and hands over what comes until the connection ends.
func (r *Receiver) connect(ctx context.Context, d *notify.Delivery, options []nats.Option) error {
	conn, err := nats.Connect(r.cfg.URL, options...)
	if err != nil {
		return fmt.Errorf("no connection to %s: %w", r.cfg.URL, err)
	}
	defer conn.Close()
	err = r.subscribe(ctx, d, conn)
	if cause := conn.LastError(); errors.Is(err, nats.ErrConnectionClosed) && cause != nil {
		err = cause // which says why it is closed
	}
	return fmt.Errorf("the connection to %s has ended: %w", r.cfg.URL, err)
}

// options returns those of one connection.
func (r *Receiver) options(ctx context.Context, d *notify.Delivery, refused bool) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("typedsecret"),
		nats.PingInterval(pingInterval),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if !errors.Is(err, nats.ErrSlowConsumer) && !errors.Is(err, nats.ErrPermissionViolation) { // which subscribe reports
				d.Report(fmt.Errorf("natsnotify: %w", err))
			}
		}),
	}
	options = append(options, r.cfg.Options...)
	options = append(options, nats.NoReconnect(), nats.RetryOnFailedConnect(false), nats.PermissionErrOnSubscribe(true))
	if r.cfg.Credentials == nil {
		return options, nil
	}
	login, err := r.cfg.Credentials(ctx, refused)
	if err != nil {
		return nil, fmt.Errorf("no credentials for %s: %w", r.cfg.URL, err)
	}
	if login != nil {
		options = append(options, login)
	}
	return options, nil
}

// subscribe hands over what comes, until the connection breaks or ctx ends.
func (r *Receiver) subscribe(ctx context.Context, d *notify.Delivery, conn *nats.Conn) error {
	subscription, err := conn.SubscribeSync(r.cfg.Subject)
	if err != nil {
		return err
	}
	if err := flush(ctx, conn); err != nil {
		return err
	}
	if err := conn.LastError(); err != nil { // the server has refused the subscription
		return err
	}
	d.Connected(ctx)
	for {
		message, err := subscription.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, nats.ErrSlowConsumer):
			d.Report(fmt.Errorf("natsnotify: events on %s have been dropped, since they came faster than they were taken: %w", r.cfg.Subject, err))
			d.Missed(ctx)
		case err != nil:
			return err
		default:
			d.Message(ctx, message.Data)
		}
	}
}

// flush returns when the server has the subscription.
func flush(ctx context.Context, conn *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, subscribing)
	defer cancel()
	return conn.FlushWithContext(ctx)
}
