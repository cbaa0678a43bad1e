// Command rotation shows in half a minute how rotations of a database's password affect two
// services. One uses package sqlsecret, and the other reads the secret only when it starts.
// The database is a real PostgreSQL if one is installed, and a fake otherwise. The Secrets
// Manager is the fake one of package secrettest, with a rotation function that takes AWS's
// four steps.
package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// DBCreds is what the secret holds.
type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

const secretID = "prod/db"

// The service has this declaration.
var creds = typedsecret.New[DBCreds](secretID)

// window is the time between the change of the password in the database and in Secrets
// Manager, in a rotation with a single user.
const window = 2 * time.Second

func main() {
	pretend := flag.Bool("fake", false, "use the fake database also where PostgreSQL is installed")
	flag.Parse()
	// An interrupt ends the program in order, so that PostgreSQL's folder is removed.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, *pretend); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, pretend bool) error {
	db, err := openDatabase(pretend)
	if err != nil {
		return err
	}
	defer db.Close()
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		return err
	}
	defer server.Close()
	for _, env := range server.Env() {
		name, value, _ := strings.Cut(env, "=")
		os.Setenv(name, value)
	}
	fmt.Printf("A fake Secrets Manager listens on %s; the AWS SDK is the real one.\n\n", server.URL())
	if err := create(ctx, db, server); err != nil {
		return err
	}

	// This is all that a service needs: queries of this DB go on during rotations.
	ours := sqlsecret.OpenDB(creds, db.Connector)
	defer ours.Close()

	once, err := creds.Get(ctx)
	if err != nil {
		return err
	}
	connector, err := db.Connector(once)
	if err != nil {
		return err
	}
	theirs := sql.OpenDB(connector)
	defer theirs.Close()

	return tell(ctx, db, server, newService("sqlsecret", ours), newService("read once", theirs))
}

// create makes the users and the secret.
func create(ctx context.Context, db database, server *secrettest.Server) error {
	password := rand.Text()
	for _, user := range []string{"app", "app_clone"} {
		if err := db.CreateUser(ctx, user, password); err != nil {
			return err
		}
	}
	_, err := server.Create(secretID, fmt.Sprintf(`{"username":"app","password":%q}`, password))
	return err
}

// tell makes a rotation of each kind, while the services run.
func tell(ctx context.Context, db database, server *secrettest.Server, services ...*service) error {
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for _, s := range services {
		running.Go(func() { s.run(ctx) })
	}
	s := &story{began: time.Now(), rotator: rotation.New(server), services: services}
	s.say("two services query, %d workers each", workers)
	wait(ctx, 2*time.Second)
	s.reports()

	chapters := []struct {
		title  string
		config rotation.Config
	}{
		{"rotation that FAILS half-way: it will be cancelled, and the database set back", rotation.Config{
			Before: rotation.FailAt(rotation.TestSecret, 1),
		}},
		{"rotation with a single user: for " + window.String() + " the database refuses what Secrets Manager gives out", rotation.Config{}},
		{"rotation with alternating users: app_clone takes over from app", rotation.Config{Strategy: rotation.AlternatingUsers}},
		{"rotation back to app, with a new password", rotation.Config{Strategy: rotation.AlternatingUsers}},
	}
	for _, c := range chapters {
		c.config.Database, c.config.Pauses.Set = db, window
		c.config.After = s.step
		s.say("%s", c.title)
		if err := s.rotate(ctx, c.config); err != nil {
			return err
		}
		wait(ctx, 3*time.Second)
		s.reports()
	}
	s.say("Secrets Manager was asked %d times by both services and the rotation function together.", server.Calls("GetSecretValue"))
	return nil
}

// A story holds the database, the server and the services, and the time of its start.
type story struct {
	began    time.Time
	rotator  *rotation.Rotator
	services []*service
}

func (s *story) say(format string, args ...any) {
	fmt.Printf("%5.1f s "+format+"\n", append([]any{time.Since(s.began).Seconds()}, args...)...)
}

func (s *story) step(_ context.Context, step string) error {
	switch step {
	case rotation.SetSecret:
		s.say("  setSecret: the database has the new password")
	case rotation.FinishSecret:
		s.say("  finishSecret: AWSCURRENT has moved")
	}
	return nil
}

func (s *story) reports() {
	for _, service := range s.services {
		service.report()
	}
	fmt.Println()
}

// rotate makes one rotation. If the rotation is meant to fail, rotate cancels it.
func (s *story) rotate(ctx context.Context, config rotation.Config) error {
	if err := s.rotator.Manage(ctx, secretID, config); err != nil {
		return err
	}
	err := s.rotator.Rotate(ctx, secretID)
	if errors.Is(err, rotation.ErrInjected) {
		s.say("  testSecret failed; cancelled: AWSPENDING is dropped, the database has the old password again")
		return s.rotator.Cancel(ctx, secretID)
	}
	return err
}
