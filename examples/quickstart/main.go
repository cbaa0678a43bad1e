// Command quickstart shows in a few seconds what typedsecret does, without AWS:
// it starts the fake Secrets Manager of package secrettest on a local port and
// reads from it through the real AWS SDK client, over HTTP.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

// DBCreds is what the secret holds. A key that it lacks is an error.
type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Database string `json:"dbname"`
}

// A service has the same declaration. It makes no client and does no I/O yet.
var db = typedsecret.New[DBCreds]("prod/db")

// ttl is short so that the program takes seconds; the default is an hour.
const ttl = time.Second

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		return err
	}
	defer server.Close()
	for _, env := range server.Env() {
		name, value, _ := strings.Cut(env, "=")
		os.Setenv(name, value)
	}
	fmt.Printf("A fake Secrets Manager listens on %s; the AWS SDK is the real one.\n"+
		"So that this takes seconds, a value is refreshed after %v (by default within an hour), and a failed fetch is tried again within that time (by default within 15 s).\n"+
		"Each line has the API calls that it took.\n\n", server.URL(), ttl)

	tell := teller(server)
	client, err := createSecret(ctx)
	if err != nil {
		return err
	}
	tell("created   the secret prod/db, with the keys of an RDS secret")

	source, err := awssm.FromEnvironment(ctx)
	if err != nil {
		return err
	}
	// The back-off is short too, since a later step waits for the next try.
	c, err := cache.New(source, cache.Config{TTL: ttl, Backoff: backoff.Policy{Max: ttl}})
	if err != nil {
		return err
	}
	defer c.Close()
	typedsecret.SetDefault(c)

	for _, step := range []func(context.Context, *secretsmanager.Client, *secrettest.Server, func(string, ...any)) error{
		read, rotate, outage, missingKey,
	} {
		if err := step(ctx, client, server, tell); err != nil {
			return err
		}
	}
	fmt.Printf("\nfmt, log and JSON print the handle db, and never its value: %v\n", db)
	return nil
}

func createSecret(ctx context.Context) (*secretsmanager.Client, error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, err
	}
	client := secretsmanager.NewFromConfig(cfg)
	_, err = client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name:         aws.String("prod/db"),
		SecretString: aws.String(`{"engine":"postgres","username":"app","password":"first","host":"db.internal","port":5432,"dbname":"app"}`),
	})
	return client, err
}

// put gives the secret a new version, as a rotation does.
func put(ctx context.Context, client *secretsmanager.Client, value string) error {
	_, err := client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{
		SecretId: aws.String("prod/db"), SecretString: aws.String(value),
	})
	return err
}

func read(ctx context.Context, _ *secretsmanager.Client, _ *secrettest.Server, tell func(string, ...any)) error {
	var wg sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		wg.Go(func() { _, errs[i] = db.Get(ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	tell("read      it as a %T in 100 goroutines at once", DBCreds{})

	const n = 1_000_000
	start, read := time.Now(), 0
	for range n {
		creds, err := db.Get(ctx)
		if err != nil {
			return err
		}
		read += len(creds.Username) + len(creds.Password) + len(creds.Host) + len(creds.Database) + creds.Port
	}
	if read == 0 {
		return errors.New("nothing was read")
	}
	tell("read      it a million times more, in %v", time.Since(start).Round(time.Millisecond))
	return nil
}

func rotate(ctx context.Context, client *secretsmanager.Client, _ *secrettest.Server, tell func(string, ...any)) error {
	_, before, err := db.GetWithInfo(ctx)
	if err != nil {
		return err
	}
	rotated := `{"username":"app","password":"second","host":"db.internal","port":5432,"dbname":"app"}`
	if err := put(ctx, client, rotated); err != nil {
		return err
	}
	start, now := time.Now(), before
	for now.VersionID == before.VersionID {
		time.Sleep(time.Millisecond)
		if _, now, err = db.GetWithInfo(ctx); err != nil {
			return err
		}
	}
	tell("rotated   the secret: a call that put the new value, and a refresh in the background that found it %v later:\n           version %s",
		time.Since(start).Round(time.Millisecond), now.VersionID)
	return nil
}

func outage(ctx context.Context, _ *secretsmanager.Client, server *secrettest.Server, tell func(string, ...any)) error {
	end, err := server.Inject(secrettest.Fault{Effect: secrettest.InternalError()})
	if err != nil {
		return err
	}
	gets := 0
	for start := time.Now(); time.Since(start) < 3*ttl; gets++ {
		if _, err := db.Get(ctx); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	_, info, err := db.GetWithInfo(ctx)
	if err != nil {
		return err
	}
	tell("outage    of %v with every request answered 500: %d Gets, one a millisecond, 0 failed; GetWithInfo says that the value is stale: %v",
		3*ttl, gets, info.Stale)
	end()
	for info.Stale || info.RefreshErr != nil {
		if _, info, err = db.GetWithInfo(ctx); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
	tell("recovered by itself: after the back-off, the next refresh succeeded")
	return nil
}

func missingKey(ctx context.Context, client *secretsmanager.Client, _ *secrettest.Server, tell func(string, ...any)) error {
	if err := put(ctx, client, `{"username":"app","pasword":"third","host":"db.internal","port":5432}`); err != nil {
		return err
	}
	_, err := db.Refresh(ctx)
	if !errors.Is(err, codec.ErrMissingKey) {
		return fmt.Errorf("wanted an error about a missing key, got %w", err)
	}
	tell("refused   a new value that lacks required keys: a call that put it, and a refresh:\n           %v", err)
	_, info, err := db.GetWithInfo(ctx)
	if err != nil {
		return err
	}
	tell("went on   with the last good version, %s; GetWithInfo names the refused version too", info.VersionID)
	return nil
}

// teller returns a function that prints what was done, with the number of API calls that
// have reached the server since the last line.
func teller(server *secrettest.Server) func(string, ...any) {
	told := 0
	return func(format string, args ...any) {
		calls := server.Calls()
		unit := "calls"
		if calls-told == 1 {
			unit = "call "
		}
		fmt.Printf("%3d %s  %s\n", calls-told, unit, fmt.Sprintf(format, args...))
		told = calls
	}
}
