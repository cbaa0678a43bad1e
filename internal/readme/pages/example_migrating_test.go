package pages_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// The bare SDK takes this.
func bare(ctx context.Context) (creds DBCreds, err error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return creds, err
	}
	client := secretsmanager.NewFromConfig(cfg)
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId: aws.String("prod/db"),
	})
	if err != nil {
		return creds, err
	}
	err = json.Unmarshal([]byte(*out.SecretString), &creds)
	return creds, err
}

func bareError(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing)
}

func bareBatch(ctx context.Context, client *secretsmanager.Client) error {
	out, err := client.BatchGetSecretValue(ctx, &secretsmanager.BatchGetSecretValueInput{
		SecretIdList: []string{"prod/db", "prod/api-key"}, // twenty at most
	})
	if err != nil {
		return err
	}
	for _, failed := range out.Errors {
		return errors.New(aws.ToString(failed.Message))
	}
	return nil
}

// The same with typedsecret.
var (
	dbCreds  = typedsecret.New[DBCreds]("prod/db")
	partner  = typedsecret.New[string]("prod/api-key")
	previous = typedsecret.New[string]("prod/api-key", typedsecret.WithStage("AWSPREVIOUS"))
	keytab   = typedsecret.New[[]byte]("prod/keytab")
	tenants  = typedsecret.NewByID[string]()
)

func typed(ctx context.Context) (string, error) {
	creds, err := dbCreds.Get(ctx)
	if err != nil {
		return "", err
	}
	return creds.Username, nil
}

func typedError(err error) bool {
	return errors.Is(err, typedsecret.ErrNotFound)
}

func typedStart(ctx context.Context) error {
	return typedsecret.Preload(ctx, dbCreds, partner)
}

func typedText(ctx context.Context) (string, error) {
	key, err := partner.Get(ctx)
	return key, err
}

func typedRefresh(ctx context.Context) (string, error) {
	return partner.Refresh(ctx) // fetched after this call began
}

func typedTenant(ctx context.Context, tenant string) (string, error) {
	return tenants.Get(ctx, "tenant/"+tenant+"/key")
}

// A client of one's own, and settings.
func settings(client *secretsmanager.Client) (*cache.Cache, error) {
	from, err := awssm.New(client)
	if err != nil {
		return nil, err
	}
	return cache.New(from, cache.Config{MaxSize: 100, TTL: 10 * time.Minute})
}

// This fills a struct of secrets.
func filled(ctx context.Context, c *cache.Cache) error {
	var secrets struct {
		Key *typedsecret.Secret[string]  `secret:"api-key"`
		DB  *typedsecret.Secret[DBCreds] `secret:"db"` // follows rotations
	}
	app := typedsecret.Set{Prefix: "prod/", Options: []typedsecret.Option{typedsecret.WithCache(c)}}
	if err := app.Fill(&secrets); err != nil {
		return err
	}
	return typedsecret.Preloader{Retry: true}.Preload(ctx, app.Handles()...) // blocks until all are there
}

// The decorators of the Python client.
func injected() func(context.Context, string) (string, error) {
	query := typedsecret.Inject(dbCreds, func(_ context.Context, creds DBCreds, sql string) (string, error) {
		return creds.Username + ": " + sql, nil
	})
	return query
}

func TestTheCodeAfterAMigrationWorks(t *testing.T) {
	server := secrettest.New(t)
	server.Setenv(t)
	typedsecret.SetDefault(nil)
	t.Cleanup(func() { typedsecret.CloseDefault() })
	server.Seed(t, "prod/db", `{"username":"app","password":"hunter2"}`)
	server.Seed(t, "prod/api-key", "k-1")
	server.Rotate(t, "prod/api-key", "k-2")
	server.SeedBinary(t, "prod/keytab", []byte{1})
	server.Seed(t, "tenant/1/key", "one")
	ctx := t.Context()

	old, err := bare(ctx)
	if err != nil || old.Username != "app" {
		t.Errorf("before: %v, %v", old.Username, err)
	}
	user, err := typed(ctx)
	first, errFirst := typedText(ctx)
	now, errNow := typedRefresh(ctx)
	before, errBefore := previous.Get(ctx)
	one, errOne := typedTenant(ctx, "1")
	file, errFile := keytab.Get(ctx)
	if err := errors.Join(err, errFirst, errNow, errBefore, errOne, errFile, typedStart(ctx)); err != nil {
		t.Error(err)
	}
	if user != "app" || first != "k-2" || now != "k-2" || before != "k-1" || one != "one" || len(file) != 1 {
		t.Error(user, first, now, before, one, file)
	}
	said, err := injected()(ctx, "SELECT 1")
	if said != "app: SELECT 1" || err != nil {
		t.Error(said, err)
	}
	_, err = tenants.Get(ctx, "tenant/2/key")
	if !typedError(err) || !bareError(err) {
		t.Error(err)
	}

	c, err := typedsecret.Default(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := filled(ctx, c); err != nil {
		t.Error(err)
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	client := secretsmanager.NewFromConfig(cfg)
	if err := bareBatch(ctx, client); err != nil {
		t.Error(err)
	}
	own, err := settings(client)
	if err != nil {
		t.Fatal(err)
	}
	if err := own.Close(); err != nil {
		t.Error(err)
	}
}

// A fixed value, for tests.
func Example_fixed() {
	use := func(key typedsecret.Getter[string]) {
		value, err := key.Get(context.Background())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(value))
	}
	use(typedsecret.Static("k-123456"))
	// Output: 8
}
