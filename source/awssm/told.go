package awssm

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/typedsecret/typedsecret/internal/local"
)

// A sdkText is a text of the AWS SDK or of net/http whose variable parts can't hold a secret:
// a path, a host, the name of a profile or of a setting.
type sdkText struct {
	pattern *regexp.Regexp
	says    string // the template of the text that is shown; empty means the text itself
}

func sdkTexts(patternsAndTexts ...string) (texts []sdkText) {
	for i := 0; i < len(patternsAndTexts); i += 2 {
		texts = append(texts, sdkText{regexp.MustCompile(`^(?s:` + patternsAndTexts[i] + `)$`), patternsAndTexts[i+1]})
	}
	return texts
}

// told returns the text that may be shown for a text that matches one of these.
func told(texts []sdkText, text string) (says string, ok bool) {
	for _, t := range texts {
		if m := t.pattern.FindStringSubmatchIndex(text); m != nil {
			if t.says == "" {
				return oneLine(text), true
			}
			return oneLine(string(t.pattern.ExpandString(nil, t.says, text, m))), true
		}
	}
	return "", false
}

// reason is what the operating system says of a file.
const reason = `(?:no such file or directory|permission denied|is a directory|not a directory|too many levels of symbolic links|` +
	`The system cannot find the (?:file|path) specified\.|Access is denied\.)`

// aboutFile matches a text about a file that could not be read. The SDK wraps no [fs.PathError]
// there.
var aboutFile = regexp.MustCompile(`^(?s:(?:unable to read file at .+|(?:resolve auth token: )?failed to read authorization token from .+|read all): ` +
	`(open|read) (.+): (` + reason + `))$`)

// longestRelative is the longest relative path that is shown.
const longestRelative = 32

// shownPath returns a path for an error, or a text in its place: a person may have given a
// token in place of the path of its file. A token is no absolute path, and is long.
func shownPath(path string) string {
	if !filepath.IsAbs(path) && len(path) > longestRelative {
		return local.Withheld
	}
	return oneLine(local.Shown(path))
}

// leafTexts are the texts of errors that wrap no other one. The errors are made by the providers of
// credentials and by net/http.
var leafTexts = sdkTexts(
	`(?:resolve auth token: )?authorization token contains invalid newline sequence`, `the authorization token contains a newline`,
	`wrong version in process output \(not 1\)`, `what the credential_process prints has a version other than 1`,
	`missing (AccessKeyId|SecretAccessKey) in process output`, `what the credential_process prints has no $1`,
	`failed to prepare command: command must not be empty`, `the credential_process is empty`,

	`cached SSO token is expired, or not present, and cannot be refreshed`, ``,
	`cached SSO token must contain accessToken and expiresAt fields`, ``,
	`the SSO session has expired or is invalid`, ``,
	`unable to get USER's home directory for cached token`, ``,
	`token file not found, please reauthenticate`, `the token file of aws login is missing`,
	`login session (?:has expired|password has changed), please reauthenticate`, ``,
	`insufficient permissions, you may be missing permissions for the CreateOAuth2Token action`, ``,
	`missing (?:accessToken(?:\.\w+)?|clientId|refreshToken|dpopKey)`, `the token file of aws login: ${0}`,

	`no EC2 IMDS role found`, ``,
	`unexpected empty EC2 IMDS role list`, ``,
	`access disabled to EC2 IMDS via client option, or "AWS_EC2_METADATA_DISABLED" environment variable`, ``,
	`request to EC2 IMDS failed`, ``,
	`instance metadata did not return a region value`, ``,
	`cannot get API token, provider disabled`, ``,
	`static credentials are empty`, ``,
	`response did not contain credentials`, ``,

	`endpoint rule error, Invalid Configuration: (?:Missing Region|(?:FIPS|Dualstack) and custom endpoint are not supported)`, ``,
	`endpoint rule error, (?:FIPS|DualStack) is enabled but this partition does not support (?:FIPS|DualStack)`, ``,
	`endpoint rule error, FIPS and DualStack are enabled, but this partition does not support one or both`, ``,

	`net/http: invalid header field value for "(?:Authorization|X-Amz-Security-Token)"`, ``,

	`http: server closed idle connection`, ``,
	`http: server gave HTTP response to HTTPS client`, ``,
	`net/http: TLS handshake timeout`, ``,
	`net/http: timeout awaiting response headers`, ``,
	`(?:net/http: request canceled|context deadline exceeded) \(Client\.Timeout (?:exceeded while awaiting headers|or context cancellation while reading body)\)`, ``,
	// Texts about answers of Secrets Manager.
	`unexpected token at offset \d+`, `malformed JSON: ${0}`,
	`unterminated string at offset \d+`, `malformed JSON: ${0}`,
	`unexpected end of JSON input`, ``,
	`expected \w+, got [\[{\]}]`, `JSON of other types: ${0}`,
	`unexpected string value for (\w+): .*`, `JSON of other types: a string in place of a $1`,
	`invalid character .* in unicode escape( at offset \d+)`, `malformed JSON: a unicode escape$1`,

	// These quote what they stumbled over.
	`(malformed (?:HTTP (?:response|status code|version)|MIME header(?: line)?|chunked encoding))\b.*`, `$1`,
	`invalid byte in chunk length`, ``,
	`net/http: HTTP/1\.x transport connection broken: (malformed [A-Za-z ]+).*`, `$1`,
	`http2: server sent GOAWAY and closed the connection; LastStreamID=\d+, ErrCode=(\w+), debug=.*`, `http2: the server sent GOAWAY, $1`,
	`(stream error: stream ID \d+; [A-Z_0-9]+)(?:; .*)?`, `http2: $1`,
	`http2: (?:client connection lost|client connection force closed via ClientConn\.Close|timeout awaiting response headers|`+
		`Transport received Server's graceful shutdown GOAWAY|client conn not usable)`, ``,
	`i/o timeout`, ``,

	// Texts about a SOCKS proxy.
	`(?:username/password authentication failed|no acceptable authentication methods)`, ``,
	`unknown error ((?:general SOCKS server failure|connection not allowed by ruleset|network unreachable|host unreachable|`+
		`connection refused|TTL expired|command not supported|address type not supported))`, `the SOCKS proxy says: $1`,
	// Texts of crypto/tls, which quotes no content.
	`tls: [a-z -]+[0-9a-f]{0,4}`, ``,
)

// aboutContent returns what is known of an error about content that it may quote: the kind of
// content and the place in it.
func aboutContent(err error) (says string, ok bool) {
	switch e := err.(type) {
	case *json.SyntaxError:
		return fmt.Sprintf("malformed JSON, offset %d", e.Offset), true
	case *json.UnmarshalTypeError:
		return fmt.Sprintf("JSON of other types, offset %d", e.Offset), true
	case *xml.SyntaxError:
		return fmt.Sprintf("malformed XML, line %d", e.Line), true
	case *time.ParseError:
		return "a time that can't be read", true
	case *exec.ExitError:
		// Its Stderr is what the process said.
		return e.ProcessState.String(), true
	}
	// Alerts are of an unexported type.
	if t := reflect.TypeOf(err); t.PkgPath() == "crypto/tls" && t.Name() == "alert" {
		return oneLine(err.Error()), true
	}
	return "", false
}

// tell returns a leaf with what err says, without what could be a secret. err must wrap nothing.
func tell(err error) error {
	if says, ok := aboutContent(err); ok {
		return plain(says)
	}
	text := err.Error()
	if m := aboutFile.FindStringSubmatch(text); m != nil {
		return plain(m[1] + " " + shownPath(m[2]) + ": " + m[3])
	}
	if says, ok := told(leafTexts, text); ok {
		return plain(says)
	}
	// net/http makes an error from the reason that a proxy gives.
	if code := statusOf(text); code != 0 && reflect.TypeOf(err) == reflect.TypeOf(errNoRegion) {
		return refusedByProxy{status: code}
	}
	return withheld(fmt.Sprintf("%T", err))
}

// statusOf returns the HTTP status that has this text, or 0.
func statusOf(text string) int {
	for code := 300; code < 600; code++ {
		if t := http.StatusText(code); t != "" && strings.EqualFold(t, text) {
			return code
		}
	}
	return 0
}
