package rotation_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/redistest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

const id = "prod/db"

// house is a secret and its database.
type house struct {
	*rotation.Rotator
	aws    *secrettest.Server
	pg     *pgtest.Server
	client *secretsmanager.Client
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s := secrettest.New(t)
	h := &house{rotation.New(s), s, pgtest.New(t), application(s)}
	for _, user := range []string{"app", "app_clone"} {
		if err := h.pg.CreateUser(t.Context(), user, "sesame"); err != nil {
			t.Fatal(err)
		}
	}
	s.Seed(t, id, `{"engine":"postgres","password":"sesame","port":5432,"username":"app","note":"<&>"}`)
	return h
}

// application returns a client that every fault affects.
func application(s *secrettest.Server) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: "us-east-1", HTTPClient: s.Client(), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "id", SecretAccessKey: "key"}, nil
		}),
	})
}

func (h *house) manage(t *testing.T, cfg rotation.Config) {
	t.Helper()
	if cfg.Database == nil {
		cfg.Database = h.pg
	}
	if err := h.Manage(t.Context(), id, cfg); err != nil {
		t.Fatal(err)
	}
}

func (h *house) rotate(t *testing.T) {
	t.Helper()
	if err := h.Rotate(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

type login struct{ Username, Password string }

// read returns the content of the version with a label.
func (h *house) read(t *testing.T, stage string) login {
	t.Helper()
	out, err := h.client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id), VersionStage: &stage})
	if err != nil {
		t.Fatalf("%s: %v", stage, err)
	}
	var l login
	if err := json.Unmarshal([]byte(*out.SecretString), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func (h *house) login(t *testing.T, stage string) error {
	t.Helper()
	l := h.read(t, stage)
	return h.pg.CheckLogin(context.Background(), l.Username, l.Password)
}

func (h *house) wantIn(t *testing.T, stage string) {
	t.Helper()
	if err := h.login(t, stage); err != nil {
		t.Errorf("%s: %v", stage, err)
	}
}

func (h *house) wantRefused(t *testing.T, stage string) {
	t.Helper()
	if err := h.login(t, stage); !refused(err) {
		t.Errorf("%s: %v, want 28P01", stage, err)
	}
}

func refused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "28P01"
}

func TestSingleUser(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{})
	for range 3 {
		before := h.read(t, "AWSCURRENT")
		h.rotate(t)
		h.wantIn(t, "AWSCURRENT")
		h.wantRefused(t, "AWSPREVIOUS")
		if now, was := h.read(t, "AWSCURRENT"), h.read(t, "AWSPREVIOUS"); now.Username != "app" || was != before || now == before {
			t.Error("the labels or the user are wrong")
		}
	}
	if err := h.pg.CheckLogin(t.Context(), "app", "sesame"); !refused(err) {
		t.Errorf("the first password: %v, want 28P01", err)
	}
}

func TestOtherKeysAreKept(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{})
	h.rotate(t)
	out, err := h.client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.ReplaceAll(*out.SecretString, h.read(t, "AWSCURRENT").Password, "new")
	if want := `{"engine":"postgres","note":"<&>","password":"new","port":5432,"username":"app"}`; got != want {
		t.Errorf("value = %s, want %s", got, want)
	}
}

func TestInTheWindowOnlyPendingLogsIn(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{})
	h.rotate(t) // makes an AWSPREVIOUS
	var steps []string
	h.manage(t, rotation.Config{After: func(_ context.Context, step string) error {
		steps = append(steps, step)
		switch step {
		case rotation.CreateSecret:
			h.wantIn(t, "AWSCURRENT")
			h.wantRefused(t, "AWSPENDING")
		case rotation.SetSecret, rotation.TestSecret:
			h.wantRefused(t, "AWSCURRENT")
			h.wantRefused(t, "AWSPREVIOUS")
			h.wantIn(t, "AWSPENDING")
		case rotation.FinishSecret:
			h.wantIn(t, "AWSCURRENT")
		}
		return nil
	}})
	h.rotate(t)
	if got := strings.Join(steps, " "); got != "createSecret setSecret testSecret finishSecret" {
		t.Errorf("steps = %s", got)
	}
}

func TestAlternatingUsers(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{Strategy: rotation.AlternatingUsers})
	h.rotate(t)
	both := func(_ context.Context, step string) error {
		h.wantIn(t, "AWSCURRENT")
		if step == rotation.CreateSecret || step == rotation.FinishSecret {
			h.wantIn(t, "AWSPREVIOUS")
		}
		return nil
	}
	h.manage(t, rotation.Config{Strategy: rotation.AlternatingUsers, After: both})
	for _, user := range []string{"app", "app_clone", "app"} {
		h.rotate(t)
		if got := h.read(t, "AWSCURRENT").Username; got != user {
			t.Errorf("AWSCURRENT is of %s, want %s", got, user)
		}
	}
}

func TestRedis(t *testing.T) {
	h, rd := newHouse(t), redistest.New(t)
	h.manage(t, rotation.Config{Database: rd})
	h.rotate(t)
	for stage, want := range map[string]string{"AWSCURRENT": "", "AWSPREVIOUS": "WRONGPASS"} {
		l := h.read(t, stage)
		if err := rd.CheckLogin(t.Context(), l.Username, l.Password); (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %q", stage, err, want)
		}
	}
}
