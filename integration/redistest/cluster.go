package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// slots is the number of hash slots of every Redis Cluster.
const slots = 16384

// masters is the number of masters; a cluster needs three to agree on anything.
const masters = 3

// A Cluster is a Redis Cluster of three masters without replicas. Its methods are safe for
// concurrent use.
type Cluster struct{ nodes []*Server }

// NewCluster starts a cluster for a test, and closes it when the test is over.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	c, err := StartCluster(Config{})
	return daemon.For(t, c, err)
}

// StartCluster starts a cluster, and returns when each node serves all slots.
func StartCluster(cfg Config) (*Cluster, error) {
	c := &Cluster{}
	if err := c.start(cfg); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(cfg Config) error {
	cfg.cluster = true
	for range masters {
		s, err := Start(cfg)
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, s)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for i, s := range c.nodes {
		if err := c.join(ctx, i, s); err != nil {
			return fmt.Errorf("redistest: cluster: %w", err)
		}
	}
	for _, s := range c.nodes {
		for {
			info, err := s.admin.Do(ctx, "CLUSTER", "INFO").Text()
			if err != nil {
				return fmt.Errorf("redistest: cluster: %w", err)
			}
			if strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", masters)) {
				break
			}
		}
	}
	return nil
}

// join gives a node its share of the slots, and lets the first node meet it.
func (c *Cluster) join(ctx context.Context, i int, s *Server) error {
	err := s.admin.Do(ctx, "CLUSTER", "ADDSLOTSRANGE", i*slots/masters, (i+1)*slots/masters-1).Err()
	if err != nil {
		return err
	}
	if err := s.admin.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil || i == 0 {
		return err
	}
	bus, err := s.admin.ConfigGet(ctx, "cluster-port").Result()
	if err != nil {
		return err
	}
	return c.nodes[0].admin.Do(ctx, "CLUSTER", "MEET", host, s.port, bus["cluster-port"]).Err()
}

// Close stops all nodes. It may be called more than once.
func (c *Cluster) Close() error { return closeAll(c.nodes) }

func closeAll(servers []*Server) (err error) {
	for _, s := range servers {
		err = errors.Join(err, s.Close())
	}
	return err
}

// Addrs returns the addresses of the nodes.
func (c *Cluster) Addrs() (addrs []string) {
	for _, s := range c.nodes {
		addrs = append(addrs, s.Addr())
	}
	return addrs
}

// SetUser calls [Server.SetUser] at each node, since a cluster does not share its users.
func (c *Cluster) SetUser(ctx context.Context, user, password string) error {
	return setUsers(ctx, c.nodes, user, password)
}

// SetPassword calls SetUser; package rotation needs a method of this name.
func (c *Cluster) SetPassword(ctx context.Context, user, password string) error {
	return c.SetUser(ctx, user, password)
}

// CheckLogin logs in at each node.
func (c *Cluster) CheckLogin(ctx context.Context, user, password string) error {
	return checkLogins(ctx, c.nodes, user, password)
}

func setUsers(ctx context.Context, servers []*Server, user, password string) error {
	for _, s := range servers {
		if err := s.SetUser(ctx, user, password); err != nil {
			return err
		}
	}
	return nil
}

func checkLogins(ctx context.Context, servers []*Server, user, password string) error {
	for _, s := range servers {
		if err := s.CheckLogin(ctx, user, password); err != nil {
			return err
		}
	}
	return nil
}

// String returns the addresses of the nodes.
func (c *Cluster) String() string { return "redistest.Cluster(" + strings.Join(c.Addrs(), " ") + ")" }

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
