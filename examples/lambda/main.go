// Command lambda is a function for AWS Lambda. It forwards each event to a partner's service, whose
// API key comes from Secrets Manager. A warm invocation asks Secrets Manager for nothing, and one
// that meets a rotated key gets the new one and goes on. docs/lambda.md says what is different in
// Lambda. main_test.go runs this program as Lambda does, beside a fake of Lambda's runtime API.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/httpsecret"
	"github.com/typedsecret/typedsecret/source"
)

// The handles live as long as the execution environment.
var (
	app    = typedsecret.Set{Prefix: os.Getenv("PREFIX")}
	apiKey = typedsecret.New[string]("partner/api-key", typedsecret.WithSet(&app))
)

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil)) // CloudWatch Logs reads JSON
	if err := load(context.Background(), log); err != nil {
		log.Error("the function can't start", "err", err)
		os.Exit(1) // a failure of the init phase
	}
	lambda.Start(forwarder(os.Getenv("PARTNER")))
}

// load fetches all secrets in the init phase, so that the first invocation does not wait for them.
// A program that needs no logs leaves out the cache: then the default one is made.
func load(ctx context.Context, log *slog.Logger) error {
	from, err := source.FromEnvironment(ctx)
	if err != nil {
		return err
	}
	c, err := cache.New(from, cache.Config{TTL: source.TTL(from), Observer: hook.Log(log)})
	if err != nil {
		return err
	}
	typedsecret.SetDefault(c)
	return app.Preload(ctx)
}

// forwarder returns the handler. The deadline of an invocation is that of its context, which every
// wait for a secret keeps.
func forwarder(partner string) func(context.Context, json.RawMessage) (string, error) {
	client := &http.Client{Transport: httpsecret.BearerToken(partner, apiKey, nil)}
	return func(ctx context.Context, event json.RawMessage) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, partner+"/events", bytes.NewReader(event))
		if err != nil {
			return "", err
		}
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		answer, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("the partner answers %s", res.Status)
		}
		return string(answer), err
	}
}
