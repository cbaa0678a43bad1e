package rotation_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/typedsecret/typedsecret/integration/pgtest"
	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

// A function that runs after setSecret runs in the window: the database has the new
// password, and AWSCURRENT is still the old one.
func ExampleRotator() {
	_ = func(t *testing.T) {
		ctx := t.Context()
		db, aws := pgtest.New(t), secrettest.New(t)
		if err := db.CreateUser(ctx, "app", "sesame"); err != nil {
			t.Fatal(err)
		}
		aws.Seed(t, "prod/db", `{"username":"app","password":"sesame"}`)

		r := rotation.New(aws)
		err := r.Manage(ctx, "prod/db", rotation.Config{
			Database: db,
			After: func(ctx context.Context, step string) error {
				if step == rotation.SetSecret {
					fmt.Println("in the window") // test the application here
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		// The fault affects the application, but not the rotator.
		aws.Fail(t, secrettest.Fault{Operation: "GetSecretValue", Effect: secrettest.Throttling()})
		if err := r.Rotate(ctx, "prod/db"); err != nil {
			t.Fatal(err)
		}
	}
}
