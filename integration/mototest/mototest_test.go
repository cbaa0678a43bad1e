package mototest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/cache/sourcetest"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/awssm"
)

var update = flag.Bool("update", false, "write docs/moto.md")

func TestMotoAndSecrettestDifferWhereTheListSays(t *testing.T) {
	moto, ours := New(t).Client(), clientOf(secrettest.New(t).URL())
	known := map[string]difference{}
	for _, d := range differences {
		known[d.operation] = d
	}
	for i, op := range operations {
		name := fmt.Sprintf("op-%02d", i)
		got := op.do(&session{ours, t.Context(), name})
		motos := op.do(&session{moto, t.Context(), name})
		d, listed := known[op.name]
		delete(known, op.name)
		switch {
		case listed && (d.ours != got || d.motos != motos) || !listed && got != motos:
			t.Errorf("%s: secrettest says %s, moto %s; listed are %q and %q", op.name, got, motos, d.ours, d.motos)
		case listed && got == motos:
			t.Errorf("%s: listed as a difference, and there is none", op.name)
		}
	}
	for name := range known {
		t.Errorf("a difference is listed of an operation that there is not: %s", name)
	}
}

func TestTheDocumentIsOfThisList(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "moto.md")
	if *update {
		if err := os.WriteFile(path, []byte(Document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != Document() {
		t.Errorf("docs/moto.md is not of this list (%v); go test ./mototest -update writes it", err)
	}
}

// What moto gets wrong is left out: see the list of differences.
func TestConformance(t *testing.T) {
	client := New(t).Client()
	source, err := awssm.New(client)
	if err != nil {
		t.Fatal(err)
	}
	check := func(t testing.TB, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	sourcetest.Run(t, sourcetest.Harness{
		Source: source,
		Put: func(t testing.TB, id, value string) {
			_, err := client.CreateSecret(context.Background(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &value})
			check(t, err)
		},
		PutBinary: func(t testing.TB, id string, value []byte) {
			_, err := client.CreateSecret(context.Background(), &secretsmanager.CreateSecretInput{Name: &id, SecretBinary: value})
			check(t, err)
		},
		Rotate: func(t testing.TB, id, value string) {
			_, err := client.PutSecretValue(context.Background(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &value})
			check(t, err)
		},
		Remove: func(t testing.TB, id string) {
			_, err := client.DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{SecretId: &id})
			check(t, err)
		},
		VersionIDs: true, Pinning: true, Stages: true,
	})
}

func TestATypedHandleReadsFromMoto(t *testing.T) {
	type creds struct{ Username, Password string }
	client := New(t).Client()
	source, err := awssm.New(client)
	if err != nil {
		t.Fatal(err)
	}
	c, err := cache.New(source, cache.Config{MinRefreshInterval: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put := func(value string) {
		t.Helper()
		in := &secretsmanager.PutSecretValueInput{SecretId: aws.String("prod/db"), SecretString: &value}
		if _, err := client.PutSecretValue(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("prod/db"), SecretString: aws.String("{}")}); err != nil {
		t.Fatal(err)
	}
	put(`{"Username":"app","Password":"one"}`)
	db := typedsecret.New[creds]("prod/db", typedsecret.WithCache(c))
	other := typedsecret.New[creds]("prod/none", typedsecret.WithCache(c))
	if err := typedsecret.Preload(t.Context(), db, typedsecret.New[string]("prod/db", typedsecret.WithCache(c), typedsecret.WithStage("AWSPREVIOUS"))); err != nil {
		t.Error(err)
	}
	if v, err := db.Get(t.Context()); v != (creds{"app", "one"}) || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	put(`{"Username":"app","Password":"two"}`)
	if v, err := db.Refresh(t.Context()); v != (creds{"app", "two"}) || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	put(`{"Username":"app"}`) // it lacks a key: the last good one stays
	if _, err := db.Refresh(t.Context()); err == nil {
		t.Error("a version that lacks a key was taken")
	}
	if v, err := db.Get(t.Context()); v != (creds{"app", "two"}) || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if err := typedsecret.Preload(t.Context(), db, other); err == nil {
		t.Error("a secret that there is not was preloaded")
	}
}
