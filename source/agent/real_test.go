package agent_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/agent"
)

// realAgent is the variable that names the agent's program.
const realAgent = "TYPEDSECRET_TEST_AGENT"

const howToBuild = "set " + realAgent + " to the program of the agent to compare the fake with it: " +
	"git clone https://github.com/aws/aws-workload-credentials-provider && cd aws-workload-credentials-provider && " +
	"cargo build --bin aws-workload-credentials-provider, and the path is target/debug/aws-workload-credentials-provider"

const (
	allowedRole = "arn:aws:iam::210987654321:role/reader"
	otherRole   = "arn:aws:iam::210987654321:role/other"
)

// A subject is an agent, the fake or the real one.
type subject struct {
	url      string
	upstream *secrettest.Server
	expire   func() // lets the TTL pass
}

// TestTheFakeIsLikeTheAgent has both do the same, and compares what they answer and ask.
func TestTheFakeIsLikeTheAgent(t *testing.T) {
	program := os.Getenv(realAgent)
	if program == "" {
		t.Skip(howToBuild)
	}
	fake := newAgent(t)
	fake.roles = []string{allowedRole}
	want := transcript(t, startAgent(t, program))
	got := transcript(t, subject{fake.URL, fake.upstream, fake.expire})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-agent +fake:\n%s", diff)
	}
}

// TestASourceReadsFromTheAgent itself.
func TestASourceReadsFromTheAgent(t *testing.T) {
	program := os.Getenv(realAgent)
	if program == "" {
		t.Skip(howToBuild)
	}
	real := startAgent(t, program)
	real.upstream.Seed(t, "db", "one")
	file := tokenFile(t, "token-1")
	source := open(t, agent.Config{URL: real.url, TokenFile: file})
	if err := source.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	fetch := func(source *agent.Source, want string) {
		t.Helper()
		v, err := source.Fetch(t.Context(), secret.Ref{ID: "db", Stage: "AWSCURRENT"})
		if v.Payload.Reveal() != want || err != nil || v.Created.IsZero() || v.VersionID == "" {
			t.Errorf("got %q, %+v, %v", v.Payload.Reveal(), v, err)
		}
	}
	fetch(source, "one")
	real.upstream.Rotate(t, "db", "two")
	fetch(source, "one")
	fetch(open(t, agent.Config{URL: real.url, TokenFile: file, RefreshNow: true}), "two")
	fetch(source, "two")
	fetch(open(t, agent.Config{URL: real.url, TokenFile: file, RoleARN: allowedRole}), "two")
	_, err := open(t, agent.Config{URL: real.url, TokenFile: file, RoleARN: otherRole}).Fetch(t.Context(), secret.Ref{ID: "db"})
	if !errors.Is(err, secret.ErrAccessDenied) || !strings.Contains(err.Error(), "can't assume the role") {
		t.Errorf("another role: %v", err)
	}
}

// startAgent starts the real agent over a fake Secrets Manager and a fake STS.
func startAgent(t *testing.T, program string) subject {
	t.Helper()
	const ttl = 2 * time.Second
	upstream := secrettest.New(t)
	sts := httptest.NewServer(http.HandlerFunc(answerSTS))
	t.Cleanup(sts.Close)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	dir := t.TempDir()
	settings := fmt.Sprintf("[logging]\nlog_to_file = false\n[capabilities.secrets_manager]\nhttp_port = %d\nregion = \"us-east-1\"\n"+
		"[capabilities.secrets_manager.cache]\nttl_seconds = %d\n", port, int(ttl.Seconds()))
	config := filepath.Join(dir, "config.toml")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "sm", "start", "--config", config)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), upstream.Env()...), "AWS_TOKEN=token-1", "AWS_ENDPOINT_URL_STS="+sts.URL)
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		cmd.Stderr = cmd.Stdout
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	said := make(chan string, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		var all strings.Builder
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			if strings.Contains(lines.Text(), "listening on") {
				select {
				case said <- "":
				default:
				}
			}
			all.WriteString(lines.Text() + "\n")
		}
		select {
		case said <- all.String():
		default:
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		cmd.Wait()
	})
	if failed := <-said; failed != "" {
		t.Fatalf("the agent did not start: %s", failed)
	}
	return subject{fmt.Sprintf("http://127.0.0.1:%d", port), upstream, func() {
		<-time.After(ttl + 100*time.Millisecond) // by the clock of another process
	}}
}

// answerSTS lets anyone be who they are, and assume allowedRole.
func answerSTS(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.FormValue("Action") == "GetCallerIdentity":
		fmt.Fprint(w, `<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/x</Arn><UserId>x</UserId>`+
			`<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`)
	case r.FormValue("RoleArn") == allowedRole:
		fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>k</SecretAccessKey>`+
			`<SessionToken>t</SessionToken><Expiration>2126-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	default:
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>`)
	}
}

// transcript has an agent do what a Source, and others, may have it do. It returns for each
// request the answer, and what Secrets Manager was asked for.
func transcript(t *testing.T, s subject) []string {
	t.Helper()
	var lines []string
	ask := func(what, method, path string, header ...string) {
		t.Helper()
		s.upstream.ResetCalls()
		req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		var asked []string
		for _, r := range s.upstream.Requests() {
			asked = append(asked, r.Operation)
		}
		lines = append(lines, fmt.Sprintf("%s: %s %s: HTTP %d %s, asked %v", what, method, path, resp.StatusCode, shape(body), asked))
	}
	get := func(what, query string) {
		t.Helper()
		ask(what, http.MethodGet, "/secretsmanager/get?"+query, agent.DefaultTokenHeader, "token-1")
	}
	s.upstream.Seed(t, "db", "one")
	s.upstream.SeedBinary(t, "binary", []byte{0, 255})
	s.upstream.Seed(t, "gone", "one")

	ask("ping", http.MethodGet, "/ping")
	ask("ping, forwarded", http.MethodGet, "/ping", "X-Forwarded-For", "1.2.3.4")
	ask("no token", http.MethodGet, "/secretsmanager/get?secretId=db")
	ask("a wrong token", http.MethodGet, "/secretsmanager/get?secretId=db", agent.DefaultTokenHeader, "token-2")
	ask("forwarded", http.MethodGet, "/secretsmanager/get?secretId=db", agent.DefaultTokenHeader, "token-1", "X-Forwarded-For", "1.2.3.4")
	ask("a method", http.MethodPost, "/secretsmanager/get?secretId=db", agent.DefaultTokenHeader, "token-1")
	ask("a path", http.MethodGet, "/other", agent.DefaultTokenHeader, "token-1")
	get("no ID", "versionStage=AWSCURRENT")
	get("a parameter", "secretId=db&other=x")
	get("a value", "secretId=db&refreshNow=maybe")
	get("a role", "secretId=db&roleArn=x")

	get("first", "secretId=db")
	get("again", "secretId=db")
	get("by its stage", "secretId=db&versionStage=AWSCURRENT")
	get("binary", "secretId=binary")
	get("none", "secretId=none")
	get("no such stage", "secretId=db&versionStage=OTHER")
	s.upstream.Rotate(t, "db", "two")
	get("rotated", "secretId=db")
	get("not refreshed", "secretId=db&refreshNow=False")
	get("refreshed", "secretId=db&refreshNow=1")
	get("after it", "secretId=db")
	get("by its stage, still", "secretId=db&versionStage=AWSCURRENT")
	get("as a role", "secretId=db&roleArn="+url.QueryEscape(allowedRole))
	get("as another role", "secretId=db&roleArn="+url.QueryEscape(otherRole))

	s.expire()
	get("expired", "secretId=db")
	get("expired, rotated", "secretId=db&versionStage=AWSCURRENT")
	get("fresh again", "secretId=db")

	deny := func(operation string, effect secrettest.Effect) (stop func()) {
		return s.upstream.Fail(t, secrettest.Fault{Operation: operation, Effect: effect})
	}
	get("about to be deleted", "secretId=gone")
	if _, err := upstreamClient(s.upstream).DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: aws.String("gone")}); err != nil {
		t.Fatal(err)
	}
	get("denied, refreshed", "secretId=gone&refreshNow=true")
	s.expire()
	get("deleted", "secretId=gone")
	stop := deny("GetSecretValue", secrettest.AccessDenied())
	get("reading is denied", "secretId=db")
	get("reading is denied, refreshed", "secretId=db&refreshNow=true")
	get("reading is denied, fresh", "secretId=db")
	stop()
	s.expire()
	stop = deny("DescribeSecret", secrettest.AccessDenied())
	get("describing is denied", "secretId=db")
	stop()
	s.expire()
	stop = deny("", secrettest.DropConnection())
	get("a broken connection", "secretId=db")
	stop()
	stop = deny("", secrettest.InternalError())
	get("an outage", "secretId=db")
	get("an outage, cold", "secretId=cold")
	get("an outage, refreshed", "secretId=db&refreshNow=true")
	stop()
	stop = deny("", secrettest.DropConnection())
	get("unreachable, cold", "secretId=cold")
	stop()
	stop = deny("", secrettest.Throttling())
	get("throttled, cold", "secretId=cold")
	stop()
	return lines
}

var changing = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// shape is a body without what differs from run to run.
func shape(body []byte) string {
	var answer map[string]any
	if json.Unmarshal(body, &answer) != nil {
		return string(body)
	}
	for name, value := range answer {
		text, _ := value.(string)
		switch name {
		case "ARN":
			answer[name] = changing.ReplaceAllString(text, "-…")
		case "VersionId":
			answer[name] = fmt.Sprint(len(text), " characters")
		case "CreatedDate":
			answer[name] = "…"
			if !regexp.MustCompile(`^\d+(\.\d+)?$`).MatchString(text) {
				answer[name] = "not a number: " + text
			}
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
