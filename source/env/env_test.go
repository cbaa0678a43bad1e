package env_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/env"
	"github.com/typedsecret/typedsecret/source/sourcetest"
)

// A variable can't hold a NUL, so the suite's exact bytes don't all fit.
func TestConformance(t *testing.T) {
	source := env.New("TYPEDSECRET_TEST_")
	put := func(t testing.TB, id, value string) {
		if strings.Contains(value, "\x00") {
			nul[id] = value
			return
		}
		if err := os.Setenv(source.Variable(id), value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Unsetenv(source.Variable(id)) })
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source: withNUL{source}, Put: put, Rotate: put,
		Remove: func(t testing.TB, id string) { os.Unsetenv(source.Variable(id)) },
	})
}

// withNUL stands in for the variables that can't be.
type withNUL struct{ secret.Source }

var nul = map[string]string{}

func (s withNUL) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	if value, ok := nul[ref.ID]; ok {
		return secret.Value{Payload: secret.StringPayload(value), Name: ref.ID}, nil
	}
	return s.Source.Fetch(ctx, ref)
}

func TestTheErrorNamesTheVariable(t *testing.T) {
	t.Setenv("SECRET_EMPTY", "")
	for id, says := range map[string]string{
		"prod/db-admin": "SECRET_PROD_DB_ADMIN is not set", "empty": "SECRET_EMPTY is empty", "pässwörd": "SECRET_P_SSW_RD is not set",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-a1B2c3": "SECRET_PROD_DB_A1B2C3 is not set, and SECRET_PROD_DB is not set",
	} {
		_, err := env.New("SECRET_").Fetch(t.Context(), secret.Ref{ID: id})
		if !errors.Is(err, secret.ErrNotFound) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", id, err)
		}
	}
}

func TestAnARNIsOfTheSecretWhoseWholeNameItHas(t *testing.T) {
	t.Setenv("SECRET_DB", "not this")
	t.Setenv("SECRET_DB_MASTER", "this")
	v, err := env.New("SECRET_").Fetch(t.Context(), secret.Ref{ID: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-master"})
	if v.Payload.Reveal() != "this" || v.Name != "db-master" || err != nil {
		t.Errorf("%+v, %v", v, err)
	}
}

func Example() {
	os.Setenv("SECRET_PROD_API_KEY", "hunter2") // the platform does that
	defer os.Unsetenv("SECRET_PROD_API_KEY")
	v, err := env.New("SECRET_").Fetch(context.Background(), secret.Ref{ID: "prod/api-key"})
	fmt.Println(v.Payload.Reveal(), err)
	// Output: hunter2 <nil>
}

func TestAVariableIsOfOneID(t *testing.T) {
	t.Setenv("SECRET_PROD_DB", "hunter2")
	const here, there = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:", "arn:aws:secretsmanager:eu-west-1:999999999999:secret:"
	for name, row := range map[string]struct {
		read    []string
		refused string
	}{
		"a hyphen":                  {[]string{"prod/db"}, "prod-db"},
		"an underscore":             {[]string{"prod-db"}, "prod_db"},
		"a case":                    {[]string{"prod/db"}, "prod/DB"},
		"a letter that is no ASCII": {[]string{"prod/db"}, "prodédb"},
		"a name after its ARN":      {[]string{here + "prod/db-a1B2c3", "prod/db"}, "prod-db"},
		"an ARN's name":             {[]string{"prod/db"}, here + "prod-db"},
		"another account":           {[]string{here + "prod/db", here + "prod/db-a1B2c3"}, there + "prod/db"},
		"another secret's ARN":      {[]string{here + "prod/db-a1B2c3", here + "prod/db"}, here + "prod/db-master"},
	} {
		t.Run(name, func(t *testing.T) {
			source := env.New("SECRET_")
			for range 2 {
				for _, id := range row.read {
					if v, err := source.Fetch(t.Context(), secret.Ref{ID: id}); v.Payload.Reveal() != "hunter2" || err != nil {
						t.Errorf("%s: %v", id, err)
					}
				}
				v, err := source.Fetch(t.Context(), secret.Ref{ID: row.refused})
				if !errors.Is(err, secret.ErrInvalidRef) || v.Payload.Reveal() != "" {
					t.Fatalf("%s: %v", row.refused, err)
				}
				for _, says := range []string{fmt.Sprintf("%q", row.refused), fmt.Sprintf("%q", row.read[0]), "SECRET_PROD_DB", "another name"} {
					if !strings.Contains(err.Error(), says) {
						t.Errorf("the error does not say %s: %v", says, err)
					}
				}
			}
		})
	}
}
