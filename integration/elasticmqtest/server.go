// Package elasticmqtest starts ElasticMQ, for tests with an SQS that this project did not
// write. It keeps its queues in memory.
package elasticmqtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// Version is the release of ElasticMQ with which this package is tested.
const Version = "1.7.1"

// Variable names the environment variable with the folder of ElasticMQ's jars.
const Variable = "ELASTICMQ_JARS"

// ErrNotInstalled means that this machine has no ElasticMQ, or no Java. Its text says how to
// install them.
var ErrNotInstalled = errors.New("java is not on PATH, or ElasticMQ not in " + Variable + "; install Debian's packages default-jre-headless and maven, and get ElasticMQ by\n" +
	"\tmvn -q -f integration/elasticmqtest/pom.xml dependency:copy-dependencies -DoutputDirectory=/tmp/elasticmq\n" +
	"\texport " + Variable + "=/tmp/elasticmq")

const (
	host  = "127.0.0.1"
	class = "org.elasticmq.server.Main"
	grace = 5 * time.Second
)

// Config says how [Start] sets up a server. The zero value is right for most tests.
type Config struct {
	// StartTimeout bounds the time until the server answers; the default is a minute.
	StartTimeout time.Duration
}

// Server is an ElasticMQ on a free port of the loopback interface. Its methods are safe for
// concurrent use.
type Server struct {
	home daemon.Home
	port int
}

// New starts a server for a test, and closes it when the test is over. The test fails if the
// server can't be started.
func New(t testing.TB) *Server {
	t.Helper()
	s, err := Start(Config{})
	return daemon.For(t, s, err)
}

// Start starts a server and returns when it answers. It looks for the jars in [Variable], then
// in the folder typedsecret/elasticmq of the user's cache folder (os.UserCacheDir). On Linux
// the server ends when this process ends, also when that is killed; then the server's folder
// is left behind.
func Start(cfg Config) (*Server, error) {
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = time.Minute
	}
	s := &Server{}
	if err := s.start(cfg); err != nil {
		return nil, fmt.Errorf("elasticmqtest: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

func (s *Server) start(cfg Config) error {
	java, jars, err := find()
	if err != nil {
		return err
	}
	var account *daemon.Account // ElasticMQ runs as the same user as this process, also as root
	if s.home.Dir, err = account.MkdirTemp("elasticmqtest-"); err != nil {
		return err
	}
	s.home.Process, s.port, err = daemon.Serve(cfg.StartTimeout, func(port int) (daemon.Command, func(context.Context) error) {
		config := filepath.Join(s.home.Dir, "elasticmq.conf")
		err := account.WriteFile(config, []byte(configFor(port)))
		c := daemon.Command{
			Path: java, Args: []string{"-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dconfig.file=" + config, "-cp", filepath.Join(jars, "*"), class},
			Dir: s.home.Dir, Log: filepath.Join(s.home.Dir, "log"), Account: account,
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}
		return c, func(ctx context.Context) error { return errors.Join(err, answers(ctx, url(port))) }
	})
	if err != nil {
		return fmt.Errorf("elasticmq: %w", err)
	}
	return nil
}

// configFor has ElasticMQ keep the limits of SQS.
func configFor(port int) string {
	n := strconv.Itoa(port)
	return "include classpath(\"application.conf\")\n" +
		"node-address { protocol = http, host = \"" + host + "\", port = " + n + ", context-path = \"\" }\n" +
		"rest-sqs { enabled = true, bind-port = " + n + ", bind-hostname = \"" + host + "\", sqs-limits = strict }\n" +
		"rest-stats { enabled = false }\n"
}

// find returns the paths of java and of the folder with the jars.
func find() (java, jars string, err error) {
	java, err = exec.LookPath("java")
	if err != nil {
		return "", "", ErrNotInstalled
	}
	jars = os.Getenv(Variable)
	if jars == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return "", "", ErrNotInstalled
		}
		jars = filepath.Join(dir, "typedsecret", "elasticmq")
	}
	found, err := filepath.Glob(filepath.Join(jars, "elasticmq-server_*.jar"))
	if err != nil || len(found) == 0 {
		return "", "", fmt.Errorf("no elasticmq-server_*.jar is in %s: %w", jars, ErrNotInstalled)
	}
	return java, jars, nil
}

// answers returns an error if the server that answers is not an SQS.
func answers(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("{}"))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.0")
	req.Header.Set("X-Amz-Target", "AmazonSQS.ListQueues")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %q", url, resp.Status, body)
	}
	return nil
}

// Close stops the server and removes its folder. It may be called more than once.
func (s *Server) Close() error {
	return s.home.Close(grace)
}

// URL returns the server's base URL.
func (s *Server) URL() string { return url(s.port) }

func url(port int) string { return "http://" + net.JoinHostPort(host, strconv.Itoa(port)) }

// String returns the server's address.
func (s *Server) String() string { return "elasticmqtest.Server(" + s.URL() + ")" }
