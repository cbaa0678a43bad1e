package redistest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestPasswordsDecideWhoLogsIn(t *testing.T) {
	s, ctx := New(t), t.Context()
	for _, password := range []string{"sesame", "it's \"so\"", "> resetpass +@all\r\n"} {
		if err := s.SetUser(ctx, "app", password); err != nil {
			t.Fatal(err)
		}
		if err := s.CheckLogin(ctx, "app", password); err != nil {
			t.Error(err)
		}
	}
	if err := s.CheckLogin(ctx, "app", "sesame"); err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS") {
		t.Errorf("a former password: %v", err)
	}
	if err := s.CheckLogin(ctx, "default", ""); err == nil {
		t.Error("the default user logs in without a password")
	}
	if err := s.SetUser(ctx, "default", "sesame"); err == nil {
		t.Error("the default user was changed")
	}
}

func TestUsersMayDoEverything(t *testing.T) {
	s, ctx := New(t), t.Context()
	if err := s.SetPassword(ctx, "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), Username: "app", Password: "sesame"})
	defer c.Close()
	if err := c.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Error(err)
	}
	if n, err := s.Sessions(ctx, "app"); n != 1 || err != nil {
		t.Errorf("Sessions = %d, %v; want 1", n, err)
	}
}

func TestMissingProgramIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	saved := folders
	folders = []string{t.TempDir()}
	defer func() { folders = saved }()
	_, err := Start(Config{})
	if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "install Debian's package redis-server") {
		t.Errorf("error = %v", err)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	s, err := Start(Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-s.process.Exited():
	default:
		t.Error("the process is still there")
	}
	if _, err := os.Stat(s.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
}

func TestAClustersNodesShareTheSlots(t *testing.T) {
	c, ctx := NewCluster(t), t.Context()
	if err := c.SetPassword(ctx, "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	if err := c.CheckLogin(ctx, "app", "sesame"); err != nil {
		t.Error(err)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: c.Addrs()[:1], Username: "app", Password: "sesame"})
	defer client.Close()
	for _, key := range []string{"a", "b", "c", "d"} {
		if err := client.Set(ctx, key, "v", 0).Err(); err != nil {
			t.Error(err)
		}
	}
	for _, s := range c.nodes {
		if n, err := s.Sessions(ctx, "app"); n == 0 || err != nil {
			t.Errorf("%s has no session: %v", s, err)
		}
	}
}

func TestASentinelNamesAnotherMasterAfterAFailover(t *testing.T) {
	s, ctx := NewSentinel(t), t.Context()
	if err := s.SetPassword(ctx, "app", "sesame"); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckLogin(ctx, "app", "sesame"); err != nil {
		t.Error(err)
	}
	if err := s.Failover(ctx); err != nil {
		t.Fatal(err)
	}
	if addr, err := s.Master(ctx); addr != s.servers[1].Addr() || err != nil {
		t.Errorf("the master is %s, %v", addr, err)
	}
}
