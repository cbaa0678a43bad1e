// Package promtest starts a real Prometheus for tests that want to see metrics scraped, rules
// evaluated and queries answered as in production. [New] starts one for a test, [Server.Query]
// and [Server.Await] ask it.
package promtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// ErrNotInstalled says that the programs prometheus and promtool are not on this machine.
var ErrNotInstalled = errors.New("prometheus and promtool are not on PATH; install Debian's package prometheus")

// folders are where the programs may be beside PATH.
var folders = []string{"/usr/bin", "/usr/local/bin"}

const (
	host  = "127.0.0.1"
	grace = 10 * time.Second // for a shutdown in good order
	every = "500ms"          // between two scrapes, and two evaluations of the rules
)

// Config says how [Start] sets up a server.
type Config struct {
	Targets []string // hosts with ports, whose /metrics are scraped
	Rules   string   // the text of a file of rules

	// StartTimeout is how long the server may take to answer; a minute by default.
	StartTimeout time.Duration
}

// Server is a Prometheus on a free port of the loopback interface. Its methods are safe for
// concurrent use.
type Server struct {
	home daemon.Home
	port int
}

// New starts a server for a test, which fails if there is none to be had, and closes it when the
// test is over.
func New(t testing.TB, cfg Config) *Server {
	t.Helper()
	s, err := Start(cfg)
	return daemon.For(t, s, err)
}

// Start starts a server and returns when it answers. On Linux the server ends with this process
// however that ends; its folder is left behind then.
func Start(cfg Config) (*Server, error) {
	if cfg.StartTimeout == 0 {
		cfg.StartTimeout = time.Minute
	}
	s := new(Server)
	if err := s.start(cfg); err != nil {
		return nil, fmt.Errorf("promtest: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

// programs returns the paths of prometheus and promtool.
func programs() (server, tool string, err error) {
	found := daemon.Find([]string{"prometheus", "promtool"}, folders)
	if found == nil {
		return "", "", ErrNotInstalled
	}
	return found[0], found[1], nil
}

func (s *Server) start(cfg Config) error {
	program, _, err := programs()
	if err != nil {
		return err
	}
	var account *daemon.Account // the user of this process
	if s.home.Dir, err = account.MkdirTemp("promtest-"); err != nil {
		return err
	}
	targets, err := json.Marshal(cfg.Targets) // a list of YAML, too
	if err != nil {
		return err
	}
	config := "global: {scrape_interval: " + every + ", scrape_timeout: " + every + ", evaluation_interval: " + every + "}\n" +
		"rule_files: [rules.yml]\n" +
		"scrape_configs: [{job_name: test, static_configs: [{targets: " + string(targets) + "}]}]\n"
	for name, text := range map[string]string{"rules.yml": cfg.Rules, "prometheus.yml": config} {
		if err := account.WriteFile(filepath.Join(s.home.Dir, name), []byte(text)); err != nil {
			return err
		}
	}
	s.home.Process, s.port, err = daemon.Serve(cfg.StartTimeout, func(port int) (daemon.Command, func(context.Context) error) {
		c := daemon.Command{
			Path: program,
			Args: []string{
				"--config.file=" + filepath.Join(s.home.Dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(s.home.Dir, "data"),
				"--web.listen-address=" + address(port), "--log.level=warn",
			},
			Dir: s.home.Dir, Log: filepath.Join(s.home.Dir, "log"), Account: account,
			Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
		}
		return c, func(ctx context.Context) error { return get(ctx, "http://"+address(port)+"/-/ready", nil) }
	})
	return err
}

// Close stops the server and removes its folder. It may be called more than once.
func (s *Server) Close() error {
	return s.home.Close(grace)
}

func address(port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// A Sample is one series of a query's answer.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query returns the answer to a query at this moment. An answer that is no vector is an error.
func (s *Server) Query(ctx context.Context, query string) ([]Sample, error) {
	var answer struct {
		Data struct {
			ResultType string
			Result     []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	err := get(ctx, "http://"+address(s.port)+"/api/v1/query?query="+url.QueryEscape(query), &answer)
	if err != nil {
		return nil, fmt.Errorf("promtest: the query %s: %w", query, err)
	}
	if answer.Data.ResultType != "vector" {
		return nil, fmt.Errorf("promtest: the query %s has a %s for an answer", query, answer.Data.ResultType)
	}
	var samples []Sample
	for _, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("promtest: the query %s: %w", query, err)
		}
		samples = append(samples, Sample{r.Metric, value})
	}
	return samples, nil
}

// Await asks again and again until is holds for the answer, and fails the test after a minute. A
// Prometheus tells nobody when it has scraped.
func (s *Server) Await(t testing.TB, query string, is func([]Sample) bool) []Sample {
	t.Helper()
	var last []Sample
	err := s.home.Process.Await(time.Minute, func(ctx context.Context) (err error) {
		if last, err = s.Query(ctx, query); err == nil && !is(last) {
			err = fmt.Errorf("the answer to %s is %v", query, last)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// Some holds for an answer that is not empty.
func Some(answer []Sample) bool { return len(answer) > 0 }

// None holds for an empty answer.
func None(answer []Sample) bool { return len(answer) == 0 }

// Check runs promtool, with input for its standard input, and fails the test if it finds fault.
func Check(t testing.TB, dir, input string, args ...string) {
	t.Helper()
	_, tool, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	// promtool check metrics prints what it would change, and reports success.
	if out, err := cmd.CombinedOutput(); err != nil || args[1] == "metrics" && len(out) > 0 {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// get decodes the JSON at a URL into answer, if that is not nil.
func get(ctx context.Context, from string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", res.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(answer)
}
