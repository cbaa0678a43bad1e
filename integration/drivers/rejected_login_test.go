package drivers_test

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/lib/pq"
	"github.com/redis/go-redis/v9"

	"github.com/typedsecret/typedsecret/rejected"
)

// dialer connects a client with serve, without a network.
func dialer(serve func(net.Conn)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			serve(server)
		}()
		return client, nil
	}
}

// refusePostgreSQL answers a login with an error.
func refusePostgreSQL(c net.Conn, code string) {
	backend := pgproto3.NewBackend(c, c)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "no"})
	_ = backend.Flush()
}

// loginCodes are codes of PostgreSQL's answers to a login, and whether they are refusals.
var loginCodes = map[string]bool{"28P01": true, "28000": true, "3D000": false, "57P03": false}

// TestLoginsOfPGX checks the error of a connect to a host with two addresses.
func TestLoginsOfPGX(t *testing.T) {
	for code, want := range loginCodes {
		t.Run(code, func(t *testing.T) {
			config, err := pgconn.ParseConfig("host=db.internal user=app password=old sslmode=disable")
			if err != nil {
				t.Fatal(err)
			}
			config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"10.0.0.1", "10.0.0.2"}, nil }
			config.DialFunc = dialer(func(c net.Conn) { refusePostgreSQL(c, code) })
			_, err = pgconn.ConnectConfig(t.Context(), config)
			var connect *pgconn.ConnectError
			if !errors.As(err, &connect) {
				t.Fatalf("error is %T: %v", err, err)
			}
			if got := rejected.PostgreSQL(err); got != want {
				t.Errorf("a refusal: %v, want %v: %v", got, want, err)
			}
		})
	}
}

// TestLoginsOfPQ checks the error of database/sql with a connector of lib/pq.
func TestLoginsOfPQ(t *testing.T) {
	for code, want := range loginCodes {
		t.Run(code, func(t *testing.T) {
			connector, err := pq.NewConnector("host=db.internal user=app password=old sslmode=disable")
			if err != nil {
				t.Fatal(err)
			}
			connector.Dialer(pqDialer(dialer(func(c net.Conn) { refusePostgreSQL(c, code) })))
			db := sql.OpenDB(connector)
			defer db.Close()
			err = db.PingContext(t.Context())
			if err == nil || !strings.Contains(err.Error(), code) {
				t.Fatalf("error is %v, want %s", err, code)
			}
			if got := rejected.PostgreSQL(err); got != want {
				t.Errorf("a refusal: %v, want %v: %v", got, want, err)
			}
		})
	}
}

type pqDialer func(ctx context.Context, network, address string) (net.Conn, error)

func (d pqDialer) Dial(network, address string) (net.Conn, error) {
	return d(context.Background(), network, address)
}

func (d pqDialer) DialTimeout(network, address string, _ time.Duration) (net.Conn, error) {
	return d.Dial(network, address)
}

// TestLoginsOfGoRedis checks the error of a command when the server answers HELLO, AUTH or
// the command itself with an error.
func TestLoginsOfGoRedis(t *testing.T) {
	const (
		wrongpass = "WRONGPASS invalid username-password pair or user is disabled."
		noauth    = "NOAUTH Authentication required."
		noperm    = "NOPERM User app has no permissions to run the 'get' command"
		unknown   = "ERR unknown command 'HELLO'"
	)
	for _, tt := range []struct {
		name      string
		user, pw  string
		answers   map[string]string // error answers by command; the answer to others is OK
		want      bool
		wantError string
	}{
		{"HELLO and AUTH refused", "app", "old", map[string]string{"HELLO": wrongpass, "AUTH": wrongpass}, true, wrongpass},
		{"AUTH refused by a server without HELLO", "app", "old", map[string]string{"HELLO": unknown, "AUTH": wrongpass}, true, wrongpass},
		{"password alone refused", "", "old", map[string]string{"HELLO": wrongpass, "AUTH": wrongpass}, true, wrongpass},
		{"no password given", "", "", map[string]string{"HELLO": noauth, "GET": noauth}, true, noauth},
		{"logged in by an older session", "app", "old", map[string]string{"HELLO": unknown, "GET": noauth}, true, noauth},
		{"may not GET", "app", "old", map[string]string{"HELLO": unknown, "GET": noperm}, false, noperm},
		{"fails", "app", "old", map[string]string{"HELLO": unknown, "GET": "ERR no"}, false, "ERR no"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client := redis.NewClient(&redis.Options{
				Username: tt.user, Password: tt.pw, MaxRetries: -1,
				DisableIdentity: true,
				Dialer:          dialer(func(c net.Conn) { serveRedis(c, tt.answers) }),
			})
			defer client.Close()
			pipelined := func() error {
				_, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error {
					p.Get(t.Context(), "key")
					return nil
				})
				return err
			}
			for _, err := range []error{client.Get(t.Context(), "key").Err(), pipelined()} {
				if err == nil || !strings.Contains(err.Error(), tt.wantError) {
					t.Errorf("error is %v, want %s", err, tt.wantError)
				}
				if got := rejected.Redis(err); got != tt.want {
					t.Errorf("a refusal: %v, want %v: %T %v", got, tt.want, err, err)
				}
				if got := rejected.Redis(fmt.Errorf("cache: %w", err)); got != tt.want {
					t.Errorf("wrapped, a refusal: %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// serveRedis answers commands until the connection ends.
func serveRedis(c net.Conn, answers map[string]string) {
	for r := bufio.NewReader(c); ; {
		command, err := readCommand(r)
		if err != nil {
			return
		}
		answer := "+OK\r\n"
		if text, ok := answers[command]; ok {
			answer = "-" + text + "\r\n"
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

// readCommand reads an array of bulk strings and returns the first, in upper case.
func readCommand(r *bufio.Reader) (name string, err error) {
	n, err := readLength(r, "*")
	for i := 0; i < n && err == nil; i++ {
		var size int
		if size, err = readLength(r, "$"); err != nil {
			break
		}
		word := make([]byte, size+len("\r\n"))
		if _, err = io.ReadFull(r, word); i == 0 {
			name = strings.ToUpper(string(word[:size]))
		}
	}
	return name, err
}

func readLength(r *bufio.Reader, prefix string) (int, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), prefix))
}
