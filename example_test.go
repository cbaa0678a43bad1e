package typedsecret_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
}

// A package variable: no client and no I/O yet.
var db = typedsecret.New[DBCreds]("prod/db")

func Example() {
	serve("prod/db", `{"username":"app","password":"hunter2","host":"db.internal","port":5432}`)
	ctx := context.Background()

	creds, err := db.Get(ctx) // a DBCreds, decoded once per version
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s@%s:%d\n", creds.Username, creds.Host, creds.Port)
	fmt.Println(db)
	// Output:
	// app@db.internal:5432
	// prod/db [REDACTED]
}

func ExampleNew() {
	serve("prod/api-key", "k-123456")

	// A string gets the secret as it is; a struct is decoded from JSON.
	apiKey := typedsecret.New[string]("prod/api-key")

	key, err := apiKey.Get(context.Background())
	fmt.Println(len(key), err)
	// Output: 8 <nil>
}

func ExampleNew_missingKey() {
	serve("prod/db", `{"username":"app","pass":"hunter2","host":"db.internal"}`)

	_, err := typedsecret.New[DBCreds]("prod/db").Get(context.Background())
	var refused *codec.Error
	if errors.As(err, &refused) {
		for _, m := range refused.Missing {
			fmt.Println("missing key", m.Key, "for field", m.Field)
		}
	}
	fmt.Println(errors.Is(err, codec.ErrMissingKey))
	// Output:
	// missing key password for field Password
	// missing key port for field Port
	// true
}

func ExampleSecret_GetWithInfo() {
	server := serve("prod/api-key", "k-123456")
	key := typedsecret.New[string]("prod/api-key")

	_, info, err := key.GetWithInfo(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Name, info.Stages, info.Stale)
	fmt.Println("calls:", server.Calls("GetSecretValue"))
	// Output:
	// prod/api-key [AWSCURRENT] false
	// calls: 1
}

func ExampleSecret_Refresh() {
	server := serve("prod/api-key", "first")
	key := typedsecret.New[string]("prod/api-key")
	ctx := context.Background()

	before, _ := key.Get(ctx)
	rotate(server, "prod/api-key", "second")
	after, err := key.Refresh(ctx) // now, not when the TTL is over

	fmt.Println(before, after, err)
	// Output: first second <nil>
}

func ExampleSecret_Invalidate() {
	server := serve("prod/api-key", "first")
	key := typedsecret.New[string]("prod/api-key")
	ctx := context.Background()

	before, _ := key.Get(ctx)
	rotate(server, "prod/api-key", "second")
	if err := key.Invalidate(ctx); err != nil { // the next Get fetches
		log.Fatal(err)
	}
	after, err := key.Get(ctx)

	fmt.Println(before, after, err)
	// Output: first second <nil>
}

// One for all tenants, and for the life of the program.
var tenantKeys = typedsecret.NewByID[string]()

func ExampleByID() {
	server := serve("tenant/1/key", "one", "tenant/2/key", "two")
	ctx := context.Background()

	for _, tenant := range []string{"1", "2", "1", "2"} {
		key, err := tenantKeys.Get(ctx, "tenant/"+tenant+"/key")
		fmt.Println(tenant, key, err)
	}
	fmt.Println("calls:", server.Calls())
	// Output:
	// 1 one <nil>
	// 2 two <nil>
	// 1 one <nil>
	// 2 two <nil>
	// calls: 2
}

// A handle on one tenant's secret, for Do, Watch and all else that a Secret has.
func ExampleByID_Secret() {
	defer serve("tenant/1/key", "one").Close()
	ctx := context.Background()

	key := tenantKeys.Secret("tenant/1/key")
	err := key.Do(ctx, func(_ context.Context, value string) error {
		fmt.Println("log in with", value)
		return nil
	})
	fmt.Println(err)
	// Output:
	// log in with one
	// <nil>
}

func ExampleInject() {
	serve("prod/db", `{"username":"app","password":"hunter2","host":"db.internal","port":5432}`)

	// The function has a parameter for the secret …
	connect := func(_ context.Context, creds DBCreds, database string) (string, error) {
		return fmt.Sprintf("postgres://%s@%s:%d/%s", creds.Username, creds.Host, creds.Port, database), nil
	}
	// … and its callers don't.
	connectTo := typedsecret.Inject(db, connect)

	fmt.Println(connectTo(context.Background(), "orders"))
	// Output: postgres://app@db.internal:5432/orders <nil>
}

func ExampleSetDefault() {
	setenv(serve("prod/api-key", "k-123456"))
	ctx := context.Background()

	source, err := awssm.FromEnvironment(ctx) // AWS_REGION, AWS_PROFILE, roles …
	if err != nil {
		log.Fatal(err)
	}
	c, err := cache.New(source, cache.Config{TTL: 10 * time.Minute, MaxSize: 100})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	typedsecret.SetDefault(c) // for all handles, also those declared before

	key, err := typedsecret.New[string]("prod/api-key").Get(ctx)
	fmt.Println(len(key), err)
	// Output: 8 <nil>
}

// The default cache is also there for what knows bytes alone.
func ExampleDefault() {
	defer serve("prod/api-key", "k-123456").Close()
	ctx := context.Background()

	c, err := typedsecret.Default(ctx)
	if err != nil {
		log.Fatal(err)
	}
	value, err := c.Get(ctx, secret.Ref{ID: "prod/api-key"})
	fmt.Println(value.Payload, value.Stages, err)
	// Output: [REDACTED] [AWSCURRENT] <nil>
}

func ExampleWithClient() {
	server := serve("prod/api-key", "k-123456")
	eu := secretsmanager.New(secretsmanager.Options{
		Region:       "eu-west-1",
		BaseEndpoint: aws.String(server.URL()),
		Credentials:  credentials,
	})

	key := typedsecret.New[string]("prod/api-key", typedsecret.WithClient(eu))

	value, err := key.Get(context.Background())
	fmt.Println(len(value), err)
	// Output: 8 <nil>
}

// The IDs are those of our own configuration, and some are ARNs of other regions.
func ExampleWithARNRegion() {
	configured := typedsecret.NewByID[string](typedsecret.WithARNRegion())
	fmt.Println(configured.Err())
	// Output: <nil>
}

func ExampleWithStage() {
	server := serve("prod/api-key", "first")
	rotate(server, "prod/api-key", "second")
	ctx := context.Background()

	current, _ := typedsecret.New[string]("prod/api-key").Get(ctx)
	previous, err := typedsecret.New[string]("prod/api-key", typedsecret.WithStage("AWSPREVIOUS")).Get(ctx)

	fmt.Println(current, previous, err)
	// Output: second first <nil>
}

func ExampleWithVersionID() {
	server := serve("prod/api-key", "first")
	ctx := context.Background()
	_, info, _ := typedsecret.New[string]("prod/api-key").GetWithInfo(ctx)
	rotate(server, "prod/api-key", "second")

	pinned := typedsecret.New[string]("prod/api-key", typedsecret.WithVersionID(info.VersionID))

	fmt.Println(pinned.Get(ctx))
	// Output: first <nil>
}

func ExampleWithCodec() {
	serve("prod/replica", `{"username":"app","password":"hunter2","host":"db.internal","port":"5432"}`)

	// The port is a string in this secret: lenient JSON takes either.
	replica := typedsecret.New[DBCreds]("prod/replica", typedsecret.WithCodec(codec.JSON{Lenient: true}))

	creds, err := replica.Get(context.Background())
	fmt.Println(creds.Port, err)
	// Output: 5432 <nil>
}

func ExampleWithKey() {
	serve("prod/db", `{"username":"app","password":"hunter2","host":"db.internal","port":5432}`)

	// One key of the secret, as Amazon ECS names it: …:password::
	password := typedsecret.New[string]("prod/db", typedsecret.WithKey("password"))

	value, err := password.Get(context.Background())
	fmt.Println(len(value), err)
	// Output: 7 <nil>
}

func ExampleWithShared() {
	serve("prod/hosts", `["a.internal","b.internal"]`)

	// A slice could be modified, so each Get would decode it again. This program does not
	// modify it, so all callers get the same one.
	hosts := typedsecret.New[[]string]("prod/hosts", typedsecret.WithShared())

	fmt.Println(hosts.Get(context.Background()))
	// Output: [a.internal b.internal] <nil>
}

func ExampleWithCache() {
	// Any Source will do; this one has a secret of its own.
	source := secret.SourceFunc(func(context.Context, secret.Ref) (secret.Value, error) {
		return secret.Value{Payload: secret.BinaryPayload([]byte{0xca, 0xfe}), VersionID: "1"}, nil
	})
	c, err := cache.New(source, cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	seed := typedsecret.New[[]byte]("seed", typedsecret.WithCache(c))

	value, err := seed.Get(context.Background())
	fmt.Println(bytes.Equal(value, []byte{0xca, 0xfe}), err)
	// Output: true <nil>
}

func ExampleError() {
	serve()

	_, err := typedsecret.New[string]("prod/unknown").Get(context.Background())
	var failed *typedsecret.Error
	if errors.As(err, &failed) {
		fmt.Println("secret:", failed.Ref.ID)
	}
	switch {
	case errors.Is(err, typedsecret.ErrNotFound):
		fmt.Println("no such secret, version or stage")
	case errors.Is(err, typedsecret.ErrAccessDenied):
		fmt.Println("the role may not read it")
	}
	// Output:
	// secret: prod/unknown
	// no such secret, version or stage
}

var credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: "made", SecretAccessKey: "up"}, nil
})

// client returns the real SDK client for the fake server.
func client(server *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(server.URL()), Credentials: credentials,
	})
}

// serve starts a fake Secrets Manager with secrets of these names and values,
// and makes it what the handles read from.
func serve(namesAndValues ...string) *secrettest.Server {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	for i := 0; i < len(namesAndValues); i += 2 {
		if _, err := server.Create(namesAndValues[i], namesAndValues[i+1]); err != nil {
			log.Fatal(err)
		}
	}
	source, err := awssm.New(client(server))
	if err != nil {
		log.Fatal(err)
	}
	of, err := cache.New(source, cache.Config{})
	if err != nil {
		log.Fatal(err)
	}
	typedsecret.SetDefault(of)
	return server
}

// setenv sets environment variables with which clients use the fake server.
func setenv(server *secrettest.Server) {
	for _, env := range server.Env() {
		name, value, _ := strings.Cut(env, "=")
		os.Setenv(name, value)
	}
}

func rotate(server *secrettest.Server, name, value string) { stage(server, name, value, "AWSCURRENT") }

// stage gives a secret a version with a stage.
func stage(server *secrettest.Server, name, value, stage string) {
	_, err := client(server).PutSecretValue(context.Background(), &secretsmanager.PutSecretValueInput{
		SecretId: &name, SecretString: &value, VersionStages: []string{stage},
	})
	if err != nil {
		log.Fatal(err)
	}
}
