package agent

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/typedsecret/typedsecret/internal/local"
	"github.com/typedsecret/typedsecret/secret"
)

// defaultTokenFile returns where the agent's own installation puts the token; goos is the
// operating system. On Windows that is by SSRF_TOKEN_FILE in the agent's common.ps1.
func defaultTokenFile(goos string) string {
	if goos == "windows" {
		return os.Getenv("ProgramData") + `\AWS\WorkloadCredentialsProvider\awssmatoken`
	}
	return "/var/run/awssmatoken"
}

// variables are those that the agent itself looks for its token in, in this order
// (ssrf_env_variables in its README). AWS_SESSION_TOKEN is set on many a desk, where it
// is no token for an agent; it is taken in AWS Lambda alone.
func variables() []string {
	if os.Getenv("AWS_LAMBDA_FUNCTION_NAME") != "" {
		return []string{"AWS_TOKEN", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}
	}
	return []string{"AWS_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"}
}

// portVariable is the extension's.
const portVariable = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"

func defaultURL() (string, error) {
	switch port := os.Getenv(portVariable); {
	case port == "":
		return DefaultURL, nil
	case isPort(port):
		return "http://localhost:" + port, nil
	default:
		return "", fmt.Errorf("agent: the variable %s holds no port, a number from 1 to 65535", portVariable)
	}
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// maxToken bounds a token; the agent's has 64 characters or so.
const maxToken = 64 << 10

// tokenFrom returns a function that reads the token, and says where it read it.
func tokenFrom(file string) func() (token, whence string, err error) {
	return func() (string, string, error) {
		if file != "" {
			return tokenIn(file)
		}
		for _, name := range variables() {
			value := os.Getenv(name)
			if path, isFile := strings.CutPrefix(value, "file://"); isFile {
				return tokenIn(path)
			}
			if value != "" {
				return usable(value, "the variable "+name)
			}
		}
		return tokenIn(defaultTokenFile(runtime.GOOS))
	}
}

func tokenIn(path string) (token, whence string, err error) {
	data, err := local.ReadFile(path, maxToken)
	if err != nil {
		return "", "", fmt.Errorf("%w: the agent's token can't be read (%w); is the agent installed, and is this user in its group, "+
			"aws-wcp-token or awssmatokenreader? AWS_TOKEN=file:///path names another file", secret.ErrAccessDenied, local.PathError(err))
	}
	return usable(strings.TrimSpace(string(data)), "the file "+path)
}

// usable refuses what can't be sent in a header.
func usable(token, whence string) (string, string, error) {
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", "", fmt.Errorf("%w: %s holds no token of an agent", secret.ErrAccessDenied, whence)
	}
	return token, whence, nil
}
