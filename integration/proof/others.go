package proof

import (
	"context"
	"database/sql/driver"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/lib/pq"
	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/integration/mariadbtest"
	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/recipes/redissecret"
	"github.com/typedsecret/typedsecret/rejected"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// Others are servers beside the PostgreSQL of [Run]: one more PostgreSQL for lib/pq, with a
// PgBouncer before it, a MariaDB, a Redis with a Sentinel, and a Redis Cluster.
type Others struct {
	postgres *pgtest.Server
	bouncer  *pgtest.Bouncer
	mariadb  *mariadbtest.Server
	sentinel *redistest.Sentinel
	cluster  *redistest.Cluster

	closers []func() error
}

// StartOthers starts the servers.
func StartOthers() (o *Others, err error) {
	o = new(Others)
	defer func() {
		if err != nil {
			err = errors.Join(err, o.Close())
		}
	}()
	if o.postgres, err = pgtest.Start(pgtest.Config{}); err != nil {
		return nil, err
	}
	o.closers = append(o.closers, o.postgres.Close)
	if o.bouncer, err = pgtest.StartBouncer(o.postgres, pgtest.BouncerConfig{}); err != nil {
		return o, err
	}
	o.closers = append(o.closers, o.bouncer.Close)
	if o.mariadb, err = mariadbtest.Start(mariadbtest.Config{}); err != nil {
		return o, err
	}
	o.closers = append(o.closers, o.mariadb.Close)
	if o.sentinel, err = redistest.StartSentinel(redistest.Config{}); err != nil {
		return o, err
	}
	o.closers = append(o.closers, o.sentinel.Close)
	if o.cluster, err = redistest.StartCluster(redistest.Config{}); err != nil {
		return o, err
	}
	o.closers = append(o.closers, o.cluster.Close)
	return o, nil
}

// Close stops the servers.
func (o *Others) Close() (err error) {
	for _, stop := range slices.Backward(o.closers) {
		err = errors.Join(err, stop())
	}
	return err
}

// RunOthers plays a scenario with this many rotations at each of the other servers, at the
// same time.
func RunOthers(ctx context.Context, o *Others, s Scenario, rotations int) ([]Result, error) {
	type makers = []func(environment) (*contender, error)
	return s.play(ctx, rotations,
		place{
			"prod/postgres", o.postgres, setUser(o.postgres), o.postgres.URL("", ""),
			makers{o.withPQ, o.withBouncer, o.withBouncerAndPGXPool},
		},
		place{"prod/mariadb", o.mariadb, setUser(o.mariadb), "", makers{o.withMariaDB}},
		place{"prod/sentinel", o.sentinel, o.sentinel.SetUser, "", makers{o.withSentinel}},
		place{"prod/cluster", o.cluster, o.cluster.SetUser, "", makers{o.withCluster}},
	)
}

func (o *Others) withPQ(e environment) (*contender, error) {
	c := &contender{id: "pq", name: "lib/pq, PostgreSQL", ours: true}
	config, err := pq.NewConfig(o.postgres.URL("", ""))
	if err != nil {
		return nil, err
	}
	return overConnector(e, c, func(with credentials) (driver.Connector, error) {
		config := config.Clone()
		config.User, config.Password = with.Username, with.Password
		return pq.NewConnectorConfig(config)
	})
}

func (o *Others) withMariaDB(e environment) (*contender, error) {
	c := &contender{id: "mariadb", name: "go-sql-driver, MariaDB", ours: true}
	return overConnector(e, c, func(with credentials) (driver.Connector, error) {
		return mysql.NewConnector(o.mariadb.Config(with.Username, with.Password))
	})
}

// overConnector uses a driver of database/sql that has no tracer of its own.
func overConnector(e environment, c *contender, open func(credentials) (driver.Connector, error)) (*contender, error) {
	secret, secrets, err := c.handle(e)
	if err != nil {
		return nil, err
	}
	db := sqlsecret.OpenDB(secret, func(with credentials) (driver.Connector, error) {
		inner, err := open(with)
		if err != nil {
			return nil, err
		}
		return connectorFunc(func(ctx context.Context) (driver.Conn, error) {
			conn, err := inner.Connect(ctx)
			c.countLogin(ctx, err, rejected.Database)
			return conn, err
		}), nil
	})
	c.queriesOf(db, e, func() { secrets.Close() })
	return c, nil
}

func (o *Others) withBouncer(e environment) (*contender, error) {
	e, err := o.throughBouncer(e)
	if err != nil {
		return nil, err
	}
	return overSQLSecret(e, &contender{id: "bouncer", name: "pgx, PgBouncer", ours: true})
}

func (o *Others) withBouncerAndPGXPool(e environment) (*contender, error) {
	e, err := o.throughBouncer(e)
	if err != nil {
		return nil, err
	}
	return overPGXPool(e, &contender{id: "pgxbouncer", name: "pgxpool, PgBouncer", ours: true})
}

// throughBouncer changes an environment to the PgBouncer.
func (o *Others) throughBouncer(e environment) (environment, error) {
	config, err := pgx.ParseConfig(o.bouncer.URL("", ""))
	if err != nil {
		return e, err
	}
	// PgBouncer lets a client in before it logs in to PostgreSQL itself.
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return conn.Ping(ctx) }
	e.config = config
	return e, nil
}

func (o *Others) withSentinel(e environment) (*contender, error) {
	c := &contender{id: "sentinel", name: "go-redis, Sentinel", ours: true}
	secret, secrets, err := c.handle(e)
	if err != nil {
		return nil, err
	}
	client := redissecret.NewFailoverClient(secret, credentials.pair, &redis.FailoverOptions{
		MasterName: redistest.MasterName, SentinelAddrs: []string{o.sentinel.Addr()},
		PoolSize: PoolSize, ConnMaxLifetime: e.lifetime,
	})
	client.AddHook((*redisLogins)(c))
	c.commandsOf(client, func() { secrets.Close() })
	return c, nil
}

func (o *Others) withCluster(e environment) (*contender, error) {
	c := &contender{id: "cluster", name: "go-redis, Cluster", ours: true, pools: len(o.cluster.Addrs())}
	secret, secrets, err := c.handle(e)
	if err != nil {
		return nil, err
	}
	client := redissecret.NewClusterClient(secret, credentials.pair, &redis.ClusterOptions{
		Addrs: o.cluster.Addrs(), PoolSize: PoolSize, ConnMaxLifetime: e.lifetime,
	})
	client.OnNewNode(func(node *redis.Client) { node.AddHook((*redisLogins)(c)) })
	c.commandsOf(client, func() { secrets.Close() })
	return c, nil
}

func (c credentials) pair() (user, password string) { return c.Username, c.Password }

// commandsOf lets the contender send commands, to all nodes of a cluster.
func (c *contender) commandsOf(client redis.UniversalClient, then func()) {
	c.query = func(ctx context.Context) error {
		return client.Incr(ctx, "key "+strconv.Itoa(rand.N(100))).Err()
	}
	c.close = func() {
		client.Close()
		then()
	}
}

// redisLogins count a contender's logins. They are a hook of go-redis below redissecret's.
type redisLogins contender

// DialHook implements redis.Hook.
func (l *redisLogins) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (l *redisLogins) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (l *redisLogins) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "hello" {
			(*contender)(l).countLogin(ctx, err, rejected.Redis)
		}
		return err
	}
}
