// Package golden reads real-world forms of secrets, from end to end.
package golden_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A database is one struct that reads the secrets of all engines. Keys that not all of them
// have are optional.
type database struct {
	Engine    string `json:"engine"`
	Username  string `json:"username"`
	Password  string `json:"password"`
	Host      string `json:"host"`
	Port      int    `json:"port"`
	Database  string `json:"dbname,omitempty"`
	MasterARN string `json:"masterarn,omitempty"`
	TLS       *bool  `json:"ssl"`
}

type login struct {
	Username string `json:"username"`
	Password string `json:"password"`
}

// goldenDir is the folder testdata/secrets of the root.
const goldenDir = "../../../testdata/secrets"

// goldenSecrets makes a cache over a server that has a secret for each file of
// testdata/secrets, under the file's name.
func goldenSecrets(t *testing.T) (with typedsecret.Option, names []string) {
	server, c := secrettest.NewCache(t)
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		if name == "README.md" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if utf8.Valid(data) {
			server.Seed(t, name, string(data))
		} else {
			server.SeedBinary(t, name, data)
		}
		names = append(names, name)
	}
	return typedsecret.WithCache(c), names
}

// golden returns a test that reads a secret as a T.
func golden[T any](want T, opts ...typedsecret.Option) func(*testing.T, string, typedsecret.Option) {
	return func(t *testing.T, id string, with typedsecret.Option) {
		handletest.WantGet(t, typedsecret.New[T](id, append(opts, with)...), want)
	}
}

func TestSecretsFromTheWildAreDecoded(t *testing.T) {
	yes := true
	lenient := typedsecret.WithCodec(codec.JSON{Lenient: true})
	tests := map[string]func(*testing.T, string, typedsecret.Option){
		"rds-postgresql.json": golden(database{
			Engine: "postgres", Username: "orders_app", Password: "p@ss/w0rd:with?marks",
			Host: "orders.cluster-c0ffee.eu-west-1.rds.amazonaws.com", Port: 5432, Database: "orders",
		}),
		"rds-mysql-port-as-text.json": golden(database{
			Engine: "mysql", Username: "billing_clone", Password: `ü"\n0t-a-newline`,
			Host: "billing.c0ffee.eu-west-1.rds.amazonaws.com", Port: 3306, Database: "billing",
			MasterARN: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:billing/master-a1B2c3",
		}, lenient),
		"rds-managed-master-user.json": golden(login{"postgres", "managed-by-rds-itself"}),
		"documentdb.json": golden(database{
			Engine: "mongo", Username: "reader", Password: "indented by hand",
			Host: "docs.cluster-c0ffee.eu-west-1.docdb.amazonaws.com", Port: 27017, TLS: &yes,
		}),
		"redshift.json": golden(database{
			Engine: "redshift", Username: "etl", Password: "columns",
			Host: "warehouse.c0ffee.eu-west-1.redshift.amazonaws.com", Port: 5439, Database: "warehouse",
		}),
		"elasticache.json": golden(login{"sessions", "at-least-sixteen-characters"}),
		"api-key.txt":      golden("sk_live_not_a_real_key"),
		"hmac-key.bin":     golden([]byte("\x00\x9f\xfe\xffhmac\r\n\x00\x01\x02\x03\x04\x05")),
	}
	with, names := goldenSecrets(t)
	for _, name := range names {
		test, ok := tests[name]
		if !ok {
			t.Errorf("nothing is said about %s", name)
			continue
		}
		t.Run(name, func(t *testing.T) { test(t, name, with) })
		delete(tests, name)
	}
	for name := range tests {
		t.Errorf("%s is not in %s", name, goldenDir)
	}
}

func TestAPortAsTextIsRefusedWithItsRemedies(t *testing.T) {
	with, _ := goldenSecrets(t)
	_, err := typedsecret.New[database]("rds-mysql-port-as-text.json", with).Get(t.Context())
	if err == nil {
		t.Fatal("it was accepted")
	}
	for _, want := range []string{"rds-mysql-port-as-text.json", "port", ",string", "Lenient"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestMasterUserSecretOfRDSLacksWhatADatabaseNeeds(t *testing.T) {
	with, _ := goldenSecrets(t)
	_, err := typedsecret.New[database]("rds-managed-master-user.json", with).Get(t.Context())
	refused, ok := errors.AsType[*codec.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	want := []codec.MissingKey{
		{Key: "engine", Field: "Engine"}, {Key: "host", Field: "Host"}, {Key: "port", Field: "Port"},
	}
	if diff := cmp.Diff(want, refused.Missing); diff != "" {
		t.Errorf("missing keys (-want +got):\n%s", diff)
	}
}
