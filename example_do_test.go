package typedsecret_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/rejected"
)

func ExampleSecret_Do() {
	server := serve("prod/db", `{"username":"app","password":"hunter2","host":"db.internal","port":5432}`)
	ctx := context.Background()
	if _, err := db.Get(ctx); err != nil { // the service has run for a while …
		log.Fatal(err)
	}
	rotate(server, "prod/db", `{"username":"app","password":"hunter3","host":"db.internal","port":5432}`) // … then this

	var session *Session
	err := db.Do(ctx, func(ctx context.Context, creds DBCreds) (err error) {
		session, err = Login(ctx, creds)
		if rejected.PostgreSQL(err) {
			return typedsecret.Rejected(err) // so the secret is refreshed, and this is called again
		}
		return err
	})
	fmt.Println(session, err)
	// Output:
	// login with hunter2
	// login with hunter3
	// app@db.internal <nil>
}

func ExampleWithRejected() {
	server := serve("prod/db", `{"username":"app","password":"hunter2","host":"db.internal","port":5432}`)
	ctx := context.Background()

	// Said once for the handle, by which errors a refusal is known.
	db := typedsecret.New[DBCreds]("prod/db", typedsecret.WithRejected(rejected.PostgreSQL))
	if _, err := db.Get(ctx); err != nil {
		log.Fatal(err)
	}
	rotate(server, "prod/db", `{"username":"app","password":"hunter3","host":"db.internal","port":5432}`)

	err := db.Do(ctx, func(ctx context.Context, creds DBCreds) error {
		_, err := Login(ctx, creds)
		return err
	})
	fmt.Println(err)
	// Output:
	// login with hunter2
	// login with hunter3
	// <nil>
}

// Between setSecret and finishSecret the database accepts only the version with AWSPENDING.
func ExampleWithPending() {
	server := serve("prod/db", `{"username":"app","password":"hunter2","host":"db.internal","port":5432}`)
	ctx := context.Background()
	db := typedsecret.New[DBCreds]("prod/db", typedsecret.WithPending(),
		typedsecret.WithRejected(rejected.PostgreSQL), typedsecret.WithRetryBudget(time.Minute))

	stage(server, "prod/db", `{"username":"app","password":"hunter3","host":"db.internal","port":5432}`, "AWSPENDING")
	err := db.Do(ctx, func(ctx context.Context, creds DBCreds) error {
		_, err := Login(ctx, creds)
		return err
	})
	fmt.Println(err)
	// Output:
	// login with hunter2
	// login with hunter3
	// <nil>
}

func ExampleRejected() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer second" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	server := serve("prod/api-key", "first")
	key := typedsecret.New[string]("prod/api-key")
	ctx := context.Background()
	if _, err := key.Get(ctx); err != nil {
		log.Fatal(err)
	}
	rotate(server, "prod/api-key", "second")

	err := key.Do(ctx, func(ctx context.Context, key string) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, api.URL, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		fmt.Println(resp.Status)
		if resp.StatusCode == http.StatusUnauthorized {
			return typedsecret.Rejected(errors.New(resp.Status))
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// 401 Unauthorized
	// 200 OK
	// <nil>
}

func ExampleSecret_DoWithInfo() {
	server := serve("prod/db", `{"username":"app","password":"hunter3","host":"db.internal","port":5432}`)
	ctx := context.Background()

	err := db.DoWithInfo(ctx, func(ctx context.Context, creds DBCreds, info typedsecret.Info) error {
		session, err := Login(ctx, creds)
		if err == nil {
			fmt.Printf("%v, version of %d characters, %v\n", session, len(info.VersionID), info.Stages)
		}
		return err
	})
	fmt.Println(err, server.Calls("GetSecretValue"))
	// Output:
	// login with hunter3
	// app@db.internal, version of 36 characters, [AWSCURRENT]
	// <nil> 1
}

func ExampleSecret_Watch() {
	server := serve("prod/api-key", "first")
	key := typedsecret.New[string]("prod/api-key")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	for value, err := range key.Watch(ctx) { // in a goroutine of its own, mostly
		if err != nil {
			log.Print(err) // the value before stays good
			continue
		}
		fmt.Println("configure the client with", value)
		if value == "second" {
			break // as the end of ctx would
		}
		rotate(server, "prod/api-key", "second")
		if err := key.Invalidate(ctx); err != nil { // so as not to wait for half an hour here
			log.Fatal(err)
		}
	}
	// Output:
	// configure the client with first
	// configure the client with second
}

// A token that was signed just before a rotation is verified after it too.
func ExampleSecret_Versions() {
	server := serve("prod/signing", "first key")
	defer server.Close()
	signing := typedsecret.New[string]("prod/signing")
	ctx := context.Background()
	key, err := signing.Get(ctx)
	if err != nil {
		log.Fatal(err)
	}
	token := sign(key, "user 7")
	rotate(server, "prod/signing", "second key")
	if _, err := signing.Refresh(ctx); err != nil {
		log.Fatal(err)
	}

	keys, err := signing.Versions(ctx) // the current one, and the one before
	valid := slices.ContainsFunc(keys, func(key string) bool {
		return hmac.Equal(token, sign(key, "user 7"))
	})
	fmt.Println(len(keys), valid, err)
	// Output: 2 true <nil>
}

func sign(key, text string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// A refusal may be about this one call: other calls are not held back by it.
func ExampleMaybeRejected() {
	server := serve("prod/api-key", "first")
	defer server.Close()
	key := typedsecret.New[string]("prod/api-key")
	if _, err := key.Get(context.Background()); err != nil {
		log.Fatal(err)
	}
	rotate(server, "prod/api-key", "second")

	err := key.Do(context.Background(), func(_ context.Context, key string) error {
		fmt.Println("call with the", key)
		if key != "second" {
			return typedsecret.MaybeRejected(errors.New("401 Unauthorized"))
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// call with the first
	// call with the second
	// <nil>
}

// The database locks the account after 5 wrong logins, and the service is one process.
func ExampleWithMaxRejections() {
	defer serve("prod/db", `{"username":"app","password":"hunter2","host":"db.internal","port":5432}`).Close()
	db := typedsecret.New[DBCreds]("prod/db", typedsecret.WithRejected(rejected.PostgreSQL),
		typedsecret.WithMaxRejections(4), typedsecret.WithRetryBudget(0))

	err := db.Do(context.Background(), func(ctx context.Context, creds DBCreds) error {
		_, err := Login(ctx, creds)
		return err
	})
	fmt.Println(errors.Is(err, typedsecret.ErrRejected))
	// Output:
	// login with hunter2
	// true
}

// A Session is a driver's session after a login.
type Session struct{ user, host string }

func (s *Session) String() string { return s.user + "@" + s.host }

// A LoginError is a driver's error for a failed login.
type LoginError struct{ Code string }

func (e *LoginError) Error() string { return "login failed, code " + e.Code }

// SQLState returns the code, as the errors of PostgreSQL's drivers do.
func (e *LoginError) SQLState() string { return e.Code }

// Login logs in to a database in which the password was changed.
func Login(_ context.Context, creds DBCreds) (*Session, error) {
	fmt.Println("login with", creds.Password)
	if creds.Password != "hunter3" {
		return nil, &LoginError{Code: "28P01"}
	}
	return &Session{creds.Username, creds.Host}, nil
}
