package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/secrettest"
)

// longestStep bounds the time of a step. It is AWS Lambda's limit.
const longestStep = 15 * time.Minute

// newRotator makes a rotation function that calls the URL or the command in a setting.
func newRotator(setting string, env []string, stderr io.Writer) (secrettest.RotationFunc, error) {
	if isURL(setting) {
		u, err := parseURL(setting)
		if err != nil {
			return nil, fmt.Errorf("-rotate: %w", err)
		}
		return func(ctx context.Context, step secrettest.RotationStep) error { return invoke(ctx, u, step) }, nil
	}
	words := strings.Fields(setting)
	if len(words) == 0 {
		return nil, errors.New("-rotate: a URL or a command is wanted")
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil, fmt.Errorf("-rotate: %w; a URL begins with http:// or https://", err)
	}
	return func(ctx context.Context, step secrettest.RotationStep) error {
		return execute(ctx, append([]string{path}, words[1:]...), env, stderr, step)
	}, nil
}

// execute runs a command for one step. The command gets the step as JSON on its standard
// input, and in environment variables.
func execute(ctx context.Context, command, env []string, stderr io.Writer, step secrettest.RotationStep) error {
	event, err := json.Marshal(step)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longestStep)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(event), stderr, stderr
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(environment(env),
		"ROTATION_STEP="+step.Step, "ROTATION_SECRET_ID="+step.SecretID, "ROTATION_TOKEN="+step.ClientRequestToken)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	return nil
}

// environment returns this process's environment with the changes. It removes variables
// that the changes leave empty, since some programs refuse an empty AWS_CA_BUNDLE.
func environment(changes []string) []string {
	changed := func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return slices.ContainsFunc(changes, func(c string) bool { return strings.HasPrefix(c, name+"=") })
	}
	env := slices.DeleteFunc(os.Environ(), changed)
	return append(env, slices.DeleteFunc(slices.Clone(changes), func(c string) bool { return strings.HasSuffix(c, "=") })...)
}

// invoke posts a step to a URL, in the form of the Lambda Runtime Interface Emulator. The
// emulator answers 200 even if the function failed. The body is then an object that says
// so.
func invoke(ctx context.Context, u *url.URL, step secrettest.RotationStep) error {
	event, err := json.Marshal(step)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, longestStep)
	defer cancel()
	answer, err := post(ctx, u, event, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	var failure struct{ ErrorType, ErrorMessage *string }
	if json.Unmarshal(answer, &failure) == nil && (failure.ErrorType != nil || failure.ErrorMessage != nil) {
		kind := "error"
		if failure.ErrorType != nil {
			kind = *failure.ErrorType
		}
		// The error leaves out the function's message, since that may quote a password.
		return fmt.Errorf("the function at %s failed with %.100q; its own log has the message", u.Host, kind)
	}
	return nil
}

// isURL reports whether a setting is meant as a URL.
func isURL(setting string) bool {
	return strings.HasPrefix(setting, "http://") || strings.HasPrefix(setting, "https://")
}

// parseURL parses a URL. Its errors quote at most the host.
func parseURL(setting string) (*url.URL, error) {
	u, err := url.Parse(setting)
	if err != nil || !isURL(setting) || u.Host == "" {
		return nil, errors.New("a URL is wanted, http://HOST:PORT/PATH or with https")
	}
	return u, nil
}

// post sends a body and returns the answer's body. A status other than 2xx is an error.
// Errors name only the host, since the rest of the URL may be a secret.
func post(ctx context.Context, u *url.URL, body []byte, header http.Header) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("POST to %s: the request can't be made", u.Host)
	}
	req.Header = header
	resp, err := http.DefaultClient.Do(req)
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if err != nil {
		return nil, fmt.Errorf("POST to %s: %w", u.Host, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	switch {
	case err != nil:
		return nil, fmt.Errorf("POST to %s: the answer breaks off: %w", u.Host, err)
	case resp.StatusCode/100 != 2:
		return nil, fmt.Errorf("POST to %s: status %d", u.Host, resp.StatusCode)
	case resp.Header.Get("X-Amz-Function-Error") != "":
		return nil, fmt.Errorf("POST to %s: the function failed; its own log says why", u.Host)
	}
	return answer, nil
}
