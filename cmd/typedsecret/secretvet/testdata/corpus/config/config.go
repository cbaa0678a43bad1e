// Package config has what other packages of the corpus share.
package config

import (
	"context"
	"fmt"
	"net/url"

	"github.com/typedsecret/typedsecret"
)

// Creds is the T of DB.
type Creds struct {
	Username string
	Password string
	Host     string //typedsecret:public
	Port     int    //typedsecret:public
}

var DB = typedsecret.New[Creds]("prod/db")

func (c Creds) DSN() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(c.Username, c.Password), Host: c.Host}
	return u.String()
}

func (c Creds) Address() string { return fmt.Sprintf("%s:%d", c.Host, c.Port) }

// Token gives a secret of another handle.
func Token(ctx context.Context) (string, error) {
	t, err := token.Get(ctx)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return t.Value, nil
}

type apiToken struct{ Value string }

var token = typedsecret.New[apiToken]("prod/token")

// App holds the credentials beside what is no secret.
type App struct {
	Name string
	DB   Creds
}
