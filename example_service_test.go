package typedsecret_test

import (
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

// How a service that uses typedsecret is tested: the README shows it.
func TestMyService(t *testing.T) {
	server := secrettest.New(t) // ends with the test
	server.Setenv(t)            // the AWS SDK of this process now talks to it
	typedsecret.SetDefault(nil) // package variables get a new default cache, over server
	t.Cleanup(func() { typedsecret.SetDefault(nil) })
	server.Seed(t, "prod/db", `{"username":"app","password":"first","host":"db","port":5432}`)

	if creds, err := db.Get(t.Context()); err != nil || creds.Password != "first" {
		t.Errorf("got %+v, %v", creds, err)
	}
	server.Rotate(t, "prod/db", `{"username":"app","password":"second","host":"db","port":5432}`)
	if creds, err := db.Refresh(t.Context()); err != nil || creds.Password != "second" {
		t.Errorf("got %+v, %v", creds, err)
	}
	if n := server.Calls("GetSecretValue"); n != 2 {
		t.Errorf("%d calls", n)
	}
}
