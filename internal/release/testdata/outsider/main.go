// This program is built outside the tree, with a released version of the library. It reads
// a secret from a fake Secrets Manager, and exits with 0 if the user agent of the request
// names the version in its argument.
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/secrettest"
)

func main() {
	if err := run(strings.TrimPrefix(os.Args[1], "v")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(version string) error {
	server, err := secrettest.Start(secrettest.Config{})
	if err != nil {
		return err
	}
	defer server.Close()
	for _, env := range server.Env() {
		name, value, _ := strings.Cut(env, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	if _, err := server.Create("prod/db", "sesame"); err != nil {
		return err
	}
	if _, err := typedsecret.New[string]("prod/db").Get(context.Background()); err != nil {
		return err
	}
	agent := server.Requests()[0].UserAgent
	if !slices.Contains(strings.Fields(agent), "typedsecret/"+version) {
		return fmt.Errorf("the user agent is %q, without typedsecret/%s", agent, version)
	}
	fmt.Println("user agent:", agent)
	return nil
}
