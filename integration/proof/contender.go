package proof

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/recipes/pgxsecret"
	"github.com/typedsecret/typedsecret/rejected"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// credentials are the content of the secret.
type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// A contender is a service that queries the database.
type contender struct {
	id      string // names the contender in requests to Secrets Manager
	name    string
	ours    bool
	pending bool          // whether it tries AWSPENDING too
	pools   int           // how many pools of connections it has, if more than one
	secrets *cache.Cache  // of one that is ours
	spread  time.Duration // its Config.EventSpread
	query   func(context.Context) error
	close   func()

	opened, refused atomic.Int64 // logins
	backoff         atomic.Int64 // fetches that brought nothing new
	load            load
}

// An environment is the setting of all contenders.
type environment struct {
	manager  *secrettest.Server
	endpoint string
	secretID string
	config   *pgx.ConnConfig // has no credential; nil if the database is no PostgreSQL
	lifetime time.Duration
}

// client returns a client of Secrets Manager whose requests name the contender.
func (c *contender) client(e environment) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: &e.endpoint, AppID: c.id,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "service", SecretAccessKey: "service"}, nil
		}),
	})
}

// connConfig returns the contender's configuration for a credential.
func (c *contender) connConfig(e environment, with credentials) *pgx.ConnConfig {
	config := e.config.Copy()
	config.User, config.Password = with.Username, with.Password
	config.Tracer = (*logins)(c)
	return config
}

// handle makes a handle on the secret, over a cache of default settings.
func (c *contender) handle(e environment) (*typedsecret.Secret[credentials], *cache.Cache, error) {
	source, err := awssm.New(c.client(e))
	if err != nil {
		return nil, nil, err
	}
	secrets, err := cache.New(source, cache.Config{Observer: hook.ObserverFunc(c.observe), EventSpread: c.spread})
	if err != nil {
		return nil, nil, err
	}
	c.secrets = secrets
	opts := []typedsecret.Option{typedsecret.WithCache(secrets)}
	if c.pending {
		opts = append(opts, typedsecret.WithPending())
	}
	return typedsecret.New[credentials](e.secretID, opts...), secrets, nil
}

// observe counts the fetches that brought no new version. A fetch that brought one is
// followed by the event Rotated.
func (c *contender) observe(_ context.Context, e hook.Event) {
	switch e.(type) {
	case hook.Fetched, hook.FetchFailed:
		c.backoff.Add(1)
	case hook.Rotated:
		c.backoff.Add(-1)
	}
}

func withSQLSecret(e environment) (*contender, error) {
	return overSQLSecret(e, &contender{id: "sqlsecret", name: "typedsecret, database/sql", ours: true})
}

func withPending(e environment) (*contender, error) {
	return overSQLSecret(e, &contender{id: "pending", name: "the same, with AWSPENDING", ours: true, pending: true})
}

func overSQLSecret(e environment, c *contender) (*contender, error) {
	secret, secrets, err := c.handle(e)
	if err != nil {
		return nil, err
	}
	db := sqlsecret.OpenDB(secret, func(with credentials) (driver.Connector, error) {
		return stdlib.GetConnector(*c.connConfig(e, with)), nil
	})
	c.queriesOf(db, e, func() { secrets.Close() })
	return c, nil
}

func withPGXPool(e environment) (*contender, error) {
	return overPGXPool(e, &contender{id: "pgxpool", name: "typedsecret, pgxpool", ours: true})
}

func overPGXPool(e environment, c *contender) (*contender, error) {
	secret, secrets, err := c.handle(e)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(e.config.ConnString())
	if err != nil {
		return nil, err
	}
	config.ConnConfig = c.connConfig(e, credentials{})
	config.MaxConns, config.MaxConnLifetime = PoolSize, e.lifetime
	pool, err := pgxsecret.New(context.Background(), config, secret, func(with credentials, config *pgx.ConnConfig) {
		config.User, config.Password = with.Username, with.Password
	})
	if err != nil {
		return nil, err
	}
	c.query = func(ctx context.Context) error {
		var one int
		return pool.QueryRow(ctx, "SELECT 1").Scan(&one)
	}
	c.close = func() {
		pool.Close()
		secrets.Close()
	}
	return c, nil
}

// readOnce is a service that reads the secret when it starts.
func readOnce(e environment) (*contender, error) {
	c := &contender{id: "once", name: "secret read once"}
	out, err := c.client(e).GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &e.secretID})
	if err != nil {
		return nil, err
	}
	var with credentials
	if err := json.Unmarshal([]byte(*out.SecretString), &with); err != nil {
		return nil, err
	}
	c.queriesOf(sql.OpenDB(stdlib.GetConnector(*c.connConfig(e, with))), e, func() {})
	return c, nil
}

// withAWSCache is a service that reads the secret by the AWS caching client for each
// connection.
func withAWSCache(e environment) (*contender, error) {
	c := &contender{id: "awscache", name: "AWS caching client"}
	client := c.client(e)
	secrets, err := secretcache.New(func(s *secretcache.Cache) { s.Client = client })
	if err != nil {
		return nil, err
	}
	c.queriesOf(sql.OpenDB(connectorFunc(func(ctx context.Context) (driver.Conn, error) {
		text, err := secrets.GetSecretStringWithContext(ctx, e.secretID)
		if err != nil {
			return nil, err
		}
		var with credentials
		if err := json.Unmarshal([]byte(text), &with); err != nil {
			return nil, err
		}
		return stdlib.GetConnector(*c.connConfig(e, with)).Connect(ctx)
	})), e, func() {})
	return c, nil
}

type connectorFunc func(context.Context) (driver.Conn, error)

func (f connectorFunc) Connect(ctx context.Context) (driver.Conn, error) { return f(ctx) }
func (f connectorFunc) Driver() driver.Driver                            { return stdlib.GetDefaultDriver() }

// queriesOf lets the contender query through a pool of database/sql.
func (c *contender) queriesOf(db *sql.DB, e environment, then func()) {
	db.SetMaxOpenConns(PoolSize)
	db.SetMaxIdleConns(PoolSize)
	db.SetConnMaxLifetime(e.lifetime)
	c.query = func(ctx context.Context) error {
		var one int
		return db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
	}
	c.close = func() {
		db.Close()
		then()
	}
}

// logins count a contender's logins. It is a tracer of pgx.
type logins contender

// TraceConnectStart is called before each login.
func (l *logins) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd is called with the result of the login.
func (l *logins) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	(*contender)(l).countLogin(ctx, data.Err, rejected.PostgreSQL)
}

// countLogin counts the result of a login.
func (c *contender) countLogin(ctx context.Context, err error, isRefusal func(error) bool) {
	switch {
	case err == nil:
		c.opened.Add(1)
	case isRefusal(err):
		c.refused.Add(1)
		if q, ok := ctx.Value(queryKey{}).(*query); ok {
			q.refused.Store(true)
		}
	}
}

// TraceQueryStart does nothing; a tracer of pgx must have it.
func (l *logins) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing; a tracer of pgx must have it.
func (l *logins) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

var contenders = []func(environment) (*contender, error){withSQLSecret, withPending, withPGXPool, readOnce, withAWSCache}

// start makes contenders.
func start(e environment, contenders []func(environment) (*contender, error)) (all []*contender, err error) {
	for _, make := range contenders {
		c, err := make(e)
		if err != nil {
			return all, fmt.Errorf("proof: %w", err)
		}
		all = append(all, c)
	}
	return all, nil
}
