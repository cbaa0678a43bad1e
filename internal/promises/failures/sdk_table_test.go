package failures_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

const process = `credential_process = `

var sdkFailures = []sdkFailure{
	// Credentials.
	{name: "no credentials", class: "unavailable", begin: func(*environment) {}},
	{name: "half a key in the environment", class: "unavailable", says: []string{"AWS_SECRET_ACCESS_KEY"}, begin: func(e *environment) { e.set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE") }},
	{name: "half a key in a profile", class: "invalid_config", says: []string{"app"}, begin: func(e *environment) { e.profile("aws_secret_access_key = " + hidden) }},
	{name: "profile missing", class: "invalid_config", says: []string{`"app"`}, begin: func(e *environment) { e.set("AWS_PROFILE", "app") }},
	{name: "source profile missing", class: "invalid_config", says: []string{`"base"`}, begin: func(e *environment) {
		e.profile("role_arn = arn:aws:iam::123456789012:role/app", "source_profile = base")
	}},
	{name: "source profile without credentials", class: "invalid_config", says: []string{`"base"`}, begin: func(e *environment) {
		e.profile("role_arn = arn:aws:iam::123456789012:role/app", "source_profile = base", "[profile base]", "region = eu-west-1")
	}},
	{name: "profile that wants an MFA code", class: "invalid_config", says: []string{"MFA"}, begin: func(e *environment) {
		e.profile("role_arn = arn:aws:iam::123456789012:role/app", "source_profile = base", "mfa_serial = arn:aws:iam::123456789012:mfa/jo",
			"[profile base]", "aws_access_key_id = AKIDEXAMPLE", "aws_secret_access_key = "+hidden)
	}},
	{name: "config file malformed", class: "invalid_config", says: []string{".aws/config"}, begin: func(e *environment) {
		e.config("[profile app", "aws_secret_access_key = "+hidden)
		e.set("AWS_PROFILE", "app")
	}},
	{name: "config file is a directory", class: "invalid_config", says: []string{".aws/config"}, begin: func(e *environment) {
		os.MkdirAll(filepath.Join(e.dir, ".aws/config"), 0o700)
		e.set("AWS_PROFILE", "app")
	}},
	{name: "value in the config file", class: "invalid_config", says: []string{"retry_mode"}, begin: func(e *environment) { e.profile("retry_mode = " + hidden) }},
	{name: "number in the config file", class: "invalid_config", says: []string{"max_attempts"}, begin: func(e *environment) { e.profile("max_attempts = " + hidden) }},
	{name: "web identity token file missing", class: "unavailable", says: []string{"/home/app/token", "no such file"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", filepath.Join(e.dir, "token"), "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app")
	}},
	{name: "web identity token in place of its file", class: "unavailable", says: []string{"a path that is not shown"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", "eyJhbGciOiJSUzI1NiJ9."+hidden+"."+hidden, "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app")
	}},
	{name: "web identity without a role", class: "invalid_config", says: []string{"AWS_ROLE_ARN"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", e.write("token", hidden))
	}},
	{name: "web identity without a role in a profile", class: "invalid_config", says: []string{"role_arn"}, begin: func(e *environment) {
		e.profile("web_identity_token_file = " + e.write("token", hidden))
	}},
	{name: "web identity token expired", class: "unavailable", says: []string{"HTTP 400", "ExpiredTokenException"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", e.write("token", hidden), "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app",
			"AWS_ENDPOINT_URL_STS", e.stsRefusing(400, "ExpiredTokenException", "Token expired: current date/time 1785000000 must be before the expiration date/time1784000000"))
	}},
	{name: "web identity not trusted by the role", class: "unavailable", says: []string{"HTTP 403", "trust policy"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", e.write("token", hidden), "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app",
			"AWS_ENDPOINT_URL_STS", e.stsRefusing(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"))
	}},
	{name: "identity provider unknown", class: "unavailable", says: []string{"HTTP 400", "OIDC"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", e.write("token", hidden), "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app",
			"AWS_ENDPOINT_URL_STS", e.stsRefusing(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://oidc.eks.eu-west-1.amazonaws.com/id/1"))
	}},
	{name: "STS can not be reached", class: "unavailable", says: []string{"127.0.0.1", "connection refused"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", e.write("token", hidden), "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app",
			"AWS_ENDPOINT_URL_STS", "http://"+e.closedPort())
	}},
	{name: "STS answers with a page", class: "unavailable", says: []string{"HTTP 502"}, begin: func(e *environment) {
		e.set("AWS_WEB_IDENTITY_TOKEN_FILE", e.write("token", hidden), "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/app",
			"AWS_ENDPOINT_URL_STS", e.serve(502, "text/html", "<html>"+hidden))
	}},
	{name: "credential process ends with a status", class: "unavailable", says: []string{"exit status 3"}, begin: func(e *environment) { e.profile(process + "echo " + hidden + "; exit 3") }},
	{name: "credential process not found", class: "unavailable", says: []string{"exit status 127"}, begin: func(e *environment) { e.profile(process + "/no/such/program 2>/dev/null") }},
	{name: "credential process killed", class: "unavailable", says: []string{"killed"}, begin: func(e *environment) { e.profile(process + "kill -9 $$") }},
	{name: "credential process prints no JSON", class: "unavailable", says: []string{"JSON"}, begin: func(e *environment) { e.profile(process + "echo " + hidden) }},
	{name: "credential process of another version", class: "unavailable", says: []string{"version"}, begin: func(e *environment) {
		e.profile(process + "cat " + e.write("out", `{"Version":2,"SecretAccessKey":"`+hidden+`"}`))
	}},
	{name: "credential process without a key ID", class: "unavailable", says: []string{"AccessKeyId"}, begin: func(e *environment) {
		e.profile(process + "cat " + e.write("out", `{"Version":1,"SecretAccessKey":"`+hidden+`"}`))
	}},
	{name: "container endpoint of a host that is not allowed", class: "invalid_config", says: []string{"192.0.2.1"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://user:"+hidden+"@192.0.2.1/creds?token="+hidden)
	}},
	{name: "container endpoint that is no URL", class: "invalid_config", says: []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://user:"+hidden+"@%zz/")
	}},
	{name: "container endpoint refuses connections", class: "unavailable", says: []string{"127.0.0.1", "connection refused"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://user:"+hidden+"@"+e.closedPort()+"/creds?token="+hidden)
	}},
	{name: "container endpoint answers 404", class: "unavailable", says: []string{"HTTP 404"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", e.serve(404, "text/plain", hidden)+"/creds?token="+hidden)
	}},
	{name: "container endpoint refuses", class: "unavailable", says: []string{"HTTP 403"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", e.serve(403, "application/json", `{"code":"AccessDenied","message":"the service account has no association"}`))
	}},
	{name: "container endpoint answers with no JSON", class: "unavailable", says: []string{"malformed JSON"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", e.serve(200, "application/json", hidden))
	}},
	{name: "container token file missing", class: "unavailable", says: []string{"/home/app/token"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", e.serve(200, "application/json", hidden), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", filepath.Join(e.dir, "token"))
	}},
	{name: "container token of two lines", class: "unavailable", says: []string{"newline"}, begin: func(e *environment) {
		e.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", e.serve(200, "application/json", hidden), "AWS_CONTAINER_AUTHORIZATION_TOKEN", hidden+"\n"+hidden)
	}},
	{name: "SSO token missing", class: "unavailable", says: []string{"aws sso login", "/home/app/.aws/sso/cache/"}, begin: func(e *environment) {
		e.profile("sso_start_url = "+ssoURL, "sso_region = eu-west-1", "sso_account_id = 123456789012", "sso_role_name = app")
	}},
	{name: "SSO token expired", class: "unavailable", says: []string{"aws sso login", "expired"}, begin: func(e *environment) {
		e.profile("sso_start_url = "+ssoURL, "sso_region = eu-west-1", "sso_account_id = 123456789012", "sso_role_name = app")
		e.ssoToken(ssoURL, `{"accessToken":"`+hidden+`","expiresAt":"2020-01-01T00:00:00Z"}`)
	}},
	{name: "SSO token file malformed", class: "unavailable", says: []string{"aws sso login"}, begin: func(e *environment) {
		e.profile("sso_start_url = "+ssoURL, "sso_region = eu-west-1", "sso_account_id = 123456789012", "sso_role_name = app")
		e.ssoToken(ssoURL, `{"accessToken":"`+hidden+`","expiresAt":"`+hidden+`"}`)
	}},
	{name: "SSO session token missing", class: "unavailable", says: []string{"aws sso login", "/home/app/.aws/sso/cache/"}, begin: func(e *environment) {
		e.profile("sso_session = work", "sso_account_id = 123456789012", "sso_role_name = app", "[sso-session work]", "sso_start_url = "+ssoURL, "sso_region = eu-west-1")
	}},
	{name: "SSO session token expired", class: "unavailable", says: []string{"aws sso login"}, begin: func(e *environment) {
		e.profile("sso_session = work", "sso_account_id = 123456789012", "sso_role_name = app", "[sso-session work]", "sso_start_url = "+ssoURL, "sso_region = eu-west-1")
		e.ssoToken("work", `{"accessToken":"`+hidden+`","expiresAt":"2020-01-01T00:00:00Z"}`)
	}},
	{name: "SSO refuses the token", class: "unavailable", says: []string{"aws sso login", "HTTP 401"}, begin: func(e *environment) {
		e.profile("sso_start_url = "+ssoURL, "sso_region = eu-west-1", "sso_account_id = 123456789012", "sso_role_name = app")
		e.ssoToken(ssoURL, `{"accessToken":"`+hidden+`","expiresAt":"2120-01-01T00:00:00Z"}`)
		e.set("AWS_ENDPOINT_URL_SSO", e.serve(401, "application/json", `{"__type":"UnauthorizedException","message":"Session token not found or invalid"}`))
	}},
	{name: "SSO profile incomplete", class: "invalid_config", says: []string{"app", "sso_role_name"}, begin: func(e *environment) {
		e.profile("sso_start_url = "+ssoURL, "sso_region = eu-west-1", "sso_account_id = 123456789012")
	}},
	{name: "SSO session missing", class: "invalid_config", says: []string{"work"}, begin: func(e *environment) {
		e.profile("sso_session = work", "sso_account_id = 123456789012", "sso_role_name = app")
	}},
	{name: "login session missing", class: "unavailable", says: []string{"aws login"}, begin: func(e *environment) { e.profile("login_session = arn:aws:iam::123456789012:user/jo") }},
	{name: "credential source that is none", class: "invalid_config", says: []string{"credential_source"}, begin: func(e *environment) {
		e.profile("role_arn = arn:aws:iam::123456789012:role/app", "credential_source = "+hidden)
	}},
	{name: "container credentials without a container", class: "invalid_config", says: []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"}, begin: func(e *environment) {
		e.profile("role_arn = arn:aws:iam::123456789012:role/app", "credential_source = EcsContainer")
	}},
	{name: "instance without a role", class: "unavailable", says: []string{"HTTP 404", "hop limit"}, begin: func(e *environment) {
		e.set("AWS_EC2_METADATA_DISABLED", "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", e.metadata(404, hidden))
	}},
	{name: "instance metadata can not be reached", class: "unavailable", says: []string{"127.0.0.1", "hop limit"}, begin: func(e *environment) {
		e.set("AWS_EC2_METADATA_DISABLED", "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+e.closedPort())
		e.opts = append(e.opts, config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} })) // without delays
	}},
	{name: "instance metadata answers with no JSON", class: "unavailable", says: []string{"instance metadata"}, begin: func(e *environment) {
		e.set("AWS_EC2_METADATA_DISABLED", "", "AWS_EC2_METADATA_SERVICE_ENDPOINT", e.metadata(200, hidden))
	}},

	// The way to Secrets Manager.
	{name: "CA bundle missing", class: "invalid_config", says: []string{"AWS_CA_BUNDLE", "/home/app/ca.pem"}, begin: func(e *environment) { e.set("AWS_CA_BUNDLE", filepath.Join(e.dir, "ca.pem")) }},
	{name: "CA bundle that is no PEM", class: "invalid_config", says: []string{"AWS_CA_BUNDLE", "PEM", "/home/app/ca.pem"}, begin: func(e *environment) { e.set("AWS_CA_BUNDLE", e.write("ca.pem", hidden)) }},
	{name: "CA bundle of a profile that is no PEM", class: "invalid_config", says: []string{"ca_bundle", "PEM"}, begin: func(e *environment) { e.profile("ca_bundle = " + e.write("ca.pem", hidden)) }},
	{name: "access key ID with a newline", class: "unavailable", says: []string{"access key ID", "newline"}, begin: func(e *environment) {
		e.endpoint("http://127.0.0.1:2773")
		e.set("AWS_ACCESS_KEY_ID", hidden+"\n")
	}},
	{name: "session token with a newline", class: "unavailable", says: []string{"AWS_SESSION_TOKEN", "newline"}, begin: func(e *environment) {
		e.endpoint("http://127.0.0.1:2773")
		e.set("AWS_SESSION_TOKEN", hidden+"\n")
	}},
	{name: "proxy wants a password", class: "unavailable", says: []string{"HTTP 407", "127.0.0.1", "proxy"}, begin: func(e *environment) { e.proxy(e.proxyAnswering("407 Proxy Authentication Required")) }},
	{name: "proxy forbids", class: "unavailable", says: []string{"HTTP 403", "127.0.0.1", "proxy"}, begin: func(e *environment) { e.proxy(e.proxyAnswering("403 Forbidden")) }},
	{name: "proxy can not reach Secrets Manager", class: "unavailable", says: []string{"HTTP 502", "127.0.0.1", "proxy"}, begin: func(e *environment) { e.proxy(e.proxyAnswering("502 " + hidden)) }},
	{name: "proxy refuses connections", class: "unavailable", says: []string{"proxy", "127.0.0.1", "connection refused"}, begin: func(e *environment) { e.proxy(e.closedPort()) }},
	{name: "SOCKS proxy refuses the password", class: "unavailable", says: []string{"proxy", "127.0.0.1", "authentication failed"}, begin: func(e *environment) {
		e.socks(e.socksProxy([]byte{1, 1}))
	}},
	{name: "SOCKS proxy can not reach Secrets Manager", class: "unavailable", says: []string{"proxy", "127.0.0.1", "host unreachable"}, begin: func(e *environment) {
		e.socks(e.socksProxy([]byte{1, 0}, []byte{5, 4, 0, 1, 0, 0, 0, 0, 0, 0}))
	}},
	{name: "proxy that is none", class: "unavailable", says: []string{"127.0.0.1", "proxy"}, begin: func(e *environment) {
		e.proxy(e.listen(func(conn net.Conn) { conn.Read(make([]byte, 4096)); conn.Write([]byte(hidden + "\r\n\r\n")) }))
	}},
	{name: "host unknown", class: "unavailable", says: []string{"secretsmanager.eu-west-1.amazonaws.com", "no such host"}, begin: func(e *environment) { e.resolver(e.nameServer(3)) }},
	{name: "name server fails", class: "unavailable", says: []string{"secretsmanager.eu-west-1.amazonaws.com", "server misbehaving"}, begin: func(e *environment) { e.resolver(e.nameServer(2)) }},
	{name: "certificate of an unknown authority", class: "unavailable", says: []string{"127.0.0.1", "unknown authority"}, begin: func(e *environment) {
		url, _ := e.serveTLS(certificate{names: []string{"127.0.0.1"}, ends: time.Now().Add(time.Minute)})
		e.endpoint(url)
	}},
	{name: "certificate of another host", class: "unavailable", says: []string{"127.0.0.1", "IP SANs", "another host"}, begin: func(e *environment) {
		url, pool := e.serveTLS(certificate{names: []string{"other.internal"}, ends: time.Now().Add(time.Minute)})
		e.endpoint(url)
		e.trusting(pool)
	}},
	{name: "certificate expired", class: "unavailable", says: []string{"127.0.0.1", "expired"}, begin: func(e *environment) {
		url, pool := e.serveTLS(certificate{names: []string{"127.0.0.1"}, ends: time.Now().Add(-time.Minute)})
		e.endpoint(url)
		e.trusting(pool)
	}},
	{name: "server that wants a client's certificate", class: "unavailable", says: []string{"127.0.0.1", "certificate required"}, begin: func(e *environment) {
		url, pool := e.serveTLS(certificate{names: []string{"127.0.0.1"}, ends: time.Now().Add(time.Minute), wantsClient: true})
		e.endpoint(url)
		e.trusting(pool)
	}},
	{name: "HTTP/2 stream is reset", class: "unavailable", says: []string{"127.0.0.1", "INTERNAL_ERROR"}, begin: func(e *environment) {
		url, pool := e.serveTLS(certificate{names: []string{"127.0.0.1"}, ends: time.Now().Add(time.Minute), resets: true})
		e.endpoint(url)
		e.transport(func(tr *http.Transport) { tr.TLSClientConfig, tr.ForceAttemptHTTP2 = &tls.Config{RootCAs: pool}, true })
	}},
	{name: "connection takes too long", class: "timeout", says: []string{"127.0.0.1", "i/o timeout"}, begin: func(e *environment) {
		e.endpoint("http://127.0.0.1:2773")
		e.transport(func(tr *http.Transport) { tr.DialContext = (&net.Dialer{Deadline: time.Unix(1, 0)}).DialContext })
	}},
	{name: "HTTPS to a server without TLS", class: "unavailable", says: []string{"127.0.0.1", "HTTP response to HTTPS client"}, begin: func(e *environment) {
		e.endpoint("https" + e.serve(200, "text/html", hidden)[len("http"):])
	}},
	{name: "endpoint refuses connections", class: "unavailable", says: []string{"127.0.0.1", "connection refused"}, begin: func(e *environment) { e.endpoint("http://" + e.closedPort()) }},
	{name: "endpoint resets the connection", class: "unavailable", says: []string{"127.0.0.1", "connection reset"}, begin: func(e *environment) {
		e.endpoint("http://" + e.listen(func(conn net.Conn) { conn.Read(make([]byte, 8192)); conn.(*net.TCPConn).SetLinger(0) }))
	}},
	{name: "endpoint closes the connection", class: "unavailable", says: []string{"127.0.0.1", "EOF"}, begin: func(e *environment) {
		e.endpoint("http://" + e.listen(func(conn net.Conn) { conn.Read(make([]byte, 4096)) }))
	}},
	{name: "endpoint answers with nothing", class: "unavailable", says: []string{"neither a SecretString"}, begin: func(e *environment) { e.endpoint(e.serve(200, "application/x-amz-json-1.1", "")) }},
	{name: "endpoint answers with a page", class: "unavailable", says: []string{"HTTP 200", "proxy"}, begin: func(e *environment) { e.endpoint(e.serve(200, "text/html", "<html>"+hidden)) }},
	{name: "endpoint speaks no HTTP", class: "unavailable", says: []string{"127.0.0.1"}, begin: func(e *environment) {
		e.endpoint("http://" + e.listen(func(conn net.Conn) { conn.Read(make([]byte, 4096)); conn.Write([]byte(hidden + "\r\n\r\n")) }))
	}},
	{name: "endpoint that is no URL", class: "invalid_config", says: []string{"AWS_ENDPOINT_URL_SECRETS_MANAGER"}, begin: func(e *environment) { e.endpoint("user:" + hidden + "@localhost") }},
	{name: "endpoint redirects", class: "unavailable", says: []string{"HTTP 302"}, begin: func(e *environment) { e.endpoint(e.redirecting("http://127.0.0.1:1/?" + hidden)) }},

	// The clock.
	{name: "clock behind that of Secrets Manager", class: "unavailable", says: []string{"clock", "2h0m0s behind"}, begin: func(e *environment) { e.endpoint(e.clockRefusing(2 * time.Hour)) }},
	{name: "clock ahead of that of Secrets Manager", class: "unavailable", says: []string{"clock", "2h0m0s ahead"}, begin: func(e *environment) { e.endpoint(e.clockRefusing(-2 * time.Hour)) }},
}
