// Package failures tests each row of docs/failures.md, and writes that page.
package failures_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/backoff"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/codec"
	"github.com/typedsecret/typedsecret/hook"
	"github.com/typedsecret/typedsecret/internal/handletest"
	"github.com/typedsecret/typedsecret/internal/observed"
	"github.com/typedsecret/typedsecret/internal/world"
	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/source/agent"
	"github.com/typedsecret/typedsecret/source/awssm"
)

var updateFailures = flag.Bool("update-failures", false, "write docs/failures.md")

// page is the page that holds the rows.
const page = "../../../docs/failures.md"

// DBCreds is the type of the secret prod/db. The errors of decoding in the page name it.
type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
}

// Validate refuses the port 0.
func (c DBCreds) Validate() error {
	if c.Port == 0 {
		return codec.Invalid("the port is 0")
	}
	return nil
}

var credsV1 = DBCreds{Username: "app", Password: "first", Host: "db.internal", Port: 5432}

const credsV1JSON = `{"username":"app","password":"first","host":"db.internal","port":5432}`

// A failure is a row of docs/failures.md.
type failure struct {
	name, advice string
	stage        string        // the handle's stage
	codec        codec.Codec   // the handle's codec; nil means that of T
	deadline     time.Duration // the timeout of each caller's context; 0 means none
	virtual      bool          // tested in virtual time
	// begin returns a source that has the secret prod/db, and a function that makes the
	// source fail.
	begin func(t *testing.T) (source secret.Source, fail func())
}

// ofService begins a failure of Secrets Manager, or of a secret in it.
func ofService(fail func(t *testing.T, server *secrettest.Server)) func(*testing.T) (secret.Source, func()) {
	return func(t *testing.T) (secret.Source, func()) {
		server := secrettest.New(t)
		server.Seed(t, "prod/db", credsV1JSON)
		return handletest.Must[*awssm.Source](t)(awssm.New(handletest.ClientByURL(server))), func() { fail(t, server) }
	}
}

func injecting(effect secrettest.Effect) func(*testing.T) (secret.Source, func()) {
	return ofService(func(t *testing.T, server *secrettest.Server) { server.Fail(t, secrettest.Fault{Effect: effect}) })
}

func rotatedTo(value string) func(*testing.T) (secret.Source, func()) {
	return ofService(func(t *testing.T, server *secrettest.Server) { server.Rotate(t, "prod/db", value) })
}

// ofAgent begins a failure of the agent on this machine.
func ofAgent(fail func(server *httptest.Server, bad *atomic.Bool)) func(*testing.T) (secret.Source, func()) {
	return func(t *testing.T) (secret.Source, func()) {
		var bad atomic.Bool
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if bad.Load() {
				w.WriteHeader(http.StatusForbidden)
				io.WriteString(w, "Bad Token")
				return
			}
			fmt.Fprintf(w, `{"Name":"prod/db","VersionId":"v1","SecretString":%q}`, credsV1JSON)
		}))
		t.Cleanup(server.Close)
		file := filepath.Join(t.TempDir(), "awssmatoken")
		if err := os.WriteFile(file, []byte("token"), 0o600); err != nil {
			t.Fatal(err)
		}
		url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // the host of agent.DefaultURL
		source := handletest.Must[*agent.Source](t)(agent.New(agent.Config{URL: url, TokenFile: file}))
		return source, func() { fail(server, &bad) }
	}
}

const hangAdvice = "Check network, VPC endpoint and security groups: something drops the packets. " +
	"Readers of a good value wait for at most 1 s, and at most a third of the time that their context has left (`MaxRefreshWait`). A sealed file or `source/failover` serves a start."

// hangs makes the service leave all requests unanswered. It uses no socket, since nothing
// may wait for a socket in virtual time.
func hangs(t *testing.T) (secret.Source, func()) {
	server := secrettest.New(t)
	server.Seed(t, "prod/db", credsV1JSON)
	return handletest.Must[*awssm.Source](t)(awssm.New(handletest.Client(server))), func() { server.Fail(t, secrettest.Fault{Effect: secrettest.Hang()}) }
}

var failures = []failure{
	{name: "no answer", virtual: true, advice: hangAdvice, begin: hangs},
	{name: "no answer, callers with a deadline of 1 s", virtual: true, deadline: time.Second, advice: hangAdvice, begin: hangs},
	{name: "unknown secret", advice: "Check name, region and account. A secret that was deleted at once has to be made anew.", begin: ofService(func(t *testing.T, server *secrettest.Server) {
		in := &secretsmanager.DeleteSecretInput{SecretId: aws.String("prod/db"), ForceDeleteWithoutRecovery: aws.Bool(true)}
		handletest.Must[*secretsmanager.DeleteSecretOutput](t)(handletest.ClientByURL(server).DeleteSecret(t.Context(), in))
	})},
	{name: "access denied", advice: "Allow `secretsmanager:GetSecretValue` on the secret to the role of the service.", begin: injecting(secrettest.AccessDenied())},
	{name: "KMS key disabled", advice: "Enable the secret's key, or cancel its deletion, and allow `kms:Decrypt` on it.", begin: injecting(secrettest.DecryptionFailure())},
	{name: "throttled", advice: "Mostly nothing. If it lasts, find out which other programs in the region call so often. A `Preloader` with a Jitter spreads starts.", begin: injecting(secrettest.Throttling())},
	{name: "region down", advice: "Wait: within a minute of its end the values are fresh. `source/failover` reads from replicas; a sealed file serves starts meanwhile.", begin: injecting(secrettest.InternalError())},
	{name: "no connection", advice: "Check network, VPC endpoint and DNS.", begin: injecting(secrettest.DropConnection())},
	{name: "secret scheduled for deletion", advice: "Call RestoreSecret, or stop reading the secret: the last good value is lost when the process ends.", begin: ofService(func(t *testing.T, server *secrettest.Server) { server.Delete(t, "prod/db") })},
	{name: "JSON broken", advice: "Put a valid value: the next refresh takes it, within a TTL.", begin: rotatedTo(`{"username":"app","password":`)},
	{name: "key missing", advice: "Put a value that has the key, or mark the field `omitempty` if it may be missing.", begin: rotatedTo(`{"username":"app","host":"db","port":5432}`)},
	{name: "value of the wrong kind", advice: "Put values of the kinds that T's fields have. The error reports all problems of the secret, missing keys included. So does `typedsecret check`, before a rotation is finished.", begin: rotatedTo(`{"username":"app","password":"second","host":["db"],"port":"5432"}`)},
	{name: "value that does not fit", advice: "Put a value that fits, or give the field a type that holds it.", begin: rotatedTo(`{"username":"app","password":"second","host":"db","port":5432.5}`)},
	{name: "key twice", advice: "Put a value that has each key once: nothing says which of two equal keys counts.", begin: rotatedTo(`{"username":"app","password":"first","password":"second","host":"db","port":5432}`)},
	{name: "unknown key, strict codec", codec: codec.JSON{Strict: true}, advice: "Put a value without the key, give T a field for it, or leave `Strict` out.", begin: rotatedTo(`{"username":"app","password":"second","host":"db","port":5432,"user":"app"}`)},
	{name: "refused by Validate", advice: "Put a value that T's `Validate` accepts. Its reason is shown if `codec.Invalid` made it.", begin: rotatedTo(`{"username":"app","password":"second","host":"db","port":0}`)},
	{name: "version label missing", advice: "No version has the stage: move it to one by UpdateSecretVersionStage, or leave `WithStage` out.", stage: "AWSPREVIOUS", begin: ofService(func(t *testing.T, server *secrettest.Server) {})},
	{name: "agent down", advice: "Start the agent or the Lambda extension, or check the port.", begin: ofAgent(func(server *httptest.Server, _ *atomic.Bool) { server.Close() })},
	{name: "token wrong", advice: "Let the service read the token file of the agent that runs. A restarted agent has a new token, and the library reads it again by itself.", begin: ofAgent(func(_ *httptest.Server, bad *atomic.Bool) { bad.Store(true) })},
}

// plain replaces the parts of a text that are random or depend on this machine.
func plain(text string) string {
	for pattern, with := range map[string]string{
		`request ID [0-9a-f-]+`: "request ID …", `(localhost|127\.0\.0\.1):\d+`: "$1:2773", `version [0-9a-f]{8}-[0-9a-f-]{27}`: "version …",
		`/\S*awssmatoken`: "/var/run/awssmatoken", ` failures_test\.`: " main.", `(read|dial) tcp \S+?->\S+?: `: "$1 tcp …: ", ` on [0-9a-f.:\[\]]+:\d+: `: " on 10.0.0.2:53: ",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, with)
	}
	return text
}

// play makes the failure happen to a handle that has read nothing yet, and to one that has
// read a value. It returns the row.
func (f failure) play(t *testing.T) string {
	opts := []typedsecret.Option{}
	if f.stage != "" {
		opts = append(opts, typedsecret.WithStage(f.stage))
	}
	if f.codec != nil {
		opts = append(opts, typedsecret.WithCodec(f.codec))
	}
	open := func() (*typedsecret.Secret[DBCreds], func(), *atomic.Int64, *observed.Journal, *cache.Cache) {
		source, fail := f.begin(t)
		calls, events := new(atomic.Int64), &observed.Journal{}
		c := handletest.Open(t, counted{source, calls}, cache.Config{
			Observer: events, MinRefreshInterval: -1, Backoff: backoff.Policy{Base: time.Hour, Jitter: backoff.NoJitter},
		})
		return typedsecret.New[DBCreds]("prod/db", append(opts, typedsecret.WithCache(c))...), fail, calls, events, c
	}
	cold, fail, calls, events, _ := open()
	fail()
	get := func() error {
		ctx, cancel := f.context(t)
		defer cancel()
		_, err := cold.Get(ctx)
		return err
	}
	err := get()
	var others sync.WaitGroup
	for range 999 {
		others.Go(func() {
			if again := get(); again == nil || err == nil || again.Error() != err.Error() {
				t.Errorf("Get: %v, then %v", err, again)
			}
		})
	}
	others.Wait()
	wantCount(t, calls, 1)
	text := strings.ReplaceAll(plain(err.Error()), "1h0m0s", "1s")

	info := "–"
	if f.stage == "" {
		warm, fail, calls, _, _ := open()
		first := handletest.Must[DBCreds](t)(warm.Get(t.Context()))
		fail()
		if err := warm.Invalidate(t.Context()); err != nil {
			t.Error(err)
		}
		for range 1000 {
			ctx, cancel := f.context(t)
			v, i, err := warm.GetWithInfo(ctx)
			cancel()
			switch {
			case v != first || err != nil:
				t.Fatalf("with a good value, Get returns %v, %v", v, err)
			case i.DecodeErr != nil:
				info = "the last good version; `Info.DecodeErr`"
			case i.Stale && i.RefreshErr != nil:
				info = "the last good value; `Info.Stale`, `.RefreshErr`"
			}
		}
		wantCount(t, calls, 2) // the first fetch and the one that failed
	}
	kinds, then := []string{}, "a back-off delay"
	for _, r := range events.Records() {
		kinds = append(kinds, "`"+reflect.TypeOf(r.Event).Name()+"`")
		if _, fetched := r.Event.(hook.Fetched); fetched {
			then = "a TTL"
		}
	}
	if len(kinds) == 0 {
		kinds = []string{"none before the fetch ends"}
	}
	return fmt.Sprintf("| %s | %s | %s | %s | 1, then 1 %s | %s | `TestFailures/%s` |\n",
		f.name, asCode(text), info, strings.Join(kinds, ", "), then, f.advice, strings.ReplaceAll(f.name, " ", "_"))
}

// asCode returns text as a span of code in Markdown.
func asCode(text string) string {
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}

// context returns the context of a caller.
func (f failure) context(t *testing.T) (context.Context, context.CancelFunc) {
	if f.deadline == 0 {
		return t.Context(), func() {}
	}
	return context.WithTimeout(t.Context(), f.deadline)
}

// counted counts the fetches of a source.
type counted struct {
	secret.Source
	calls *atomic.Int64
}

func (c counted) Fetch(ctx context.Context, ref secret.Ref) (secret.Value, error) {
	c.calls.Add(1)
	return c.Source.Fetch(ctx, ref)
}

func wantCount(t *testing.T, calls *atomic.Int64, want int64) {
	t.Helper()
	if n := calls.Load(); n != want {
		t.Errorf("1,000 Gets made %d calls, want %d", n, want)
	}
}

const failuresHead = `# What a failure looks like

What does each error mean, and what do I do? [Outages](outages.md) says what a reader sees; this page has a row for each failure:

- the error of ` + "`Get`" + ` word for word, if nothing was fetched yet. It is a ` + "`*typedsecret.Error`" + `. Behind the secret's name the text begins with that of the sentinel which ` + "`errors.Is`" + ` finds.
- what ` + "`Get`" + ` returns once there is a good value
- the events that the ` + "`Observer`" + ` gets, if nothing was fetched yet
- what a thousand calls of ` + "`Get`" + ` cost
- what to do

Delays are drawn at random; the texts have the longest first one. No text holds a part of a secret. The library logs nothing by itself.

A test has seen each row; the last column has its name. ` + "`go test ./internal/promises/failures`" + ` runs most of them, and writes this page with ` + "`-update-failures`" + `.

| failure | error of Get, if nothing was fetched yet | Get with a good value | events | calls of 1,000 Gets | what to do | test |
| --- | --- | --- | --- | --- | --- | --- |
`

const failuresFoot = `| disk full for the sealed file | none: Get returns the value | the value | ` + "`SealedFileFailed`" + `: ` + "`sealed file can't be used: writing /var/lib/app/secrets.sealed: no space left on device`" + ` | none more | Make room. The earlier file stays as it was, and each later fetch, and Close, tries again. | ` + "`TestAFullDiskSaysSoInTheWordsOfTheDocument`" + ` in internal/sealed |
| directory of the sealed file missing or not writable | ` + "`cache.New`" + ` returns ` + "`invalid configuration: WithSealedFile: sealed file can't be used: creating a file beside /var/lib/app/secrets.sealed: no such file or directory; make the directory, or give the path of a file in one where this process may create files`" + ` | – | none | none | Make the directory, or give another path. ` + "`cache.New`" + ` does not make it, since its owner and mode are yours to choose. | ` + "`TestNewSaysThatTheSealedFileCanNotBeWritten`" + ` in internal/engine |
| sealed file too large, at a start in an outage | ` + "`secret prod/db@AWSCURRENT: service unavailable; sealed file can't be used: reading /var/lib/app/secrets.sealed: the file is too large: it has 1073741824 bytes, and 134217728 are the most that are read; give the path of another file, a larger MaxSize, or remove it, and the next write makes a new one`" + ` | the value | ` + "`FetchFailed`, `SealedFileFailed`" + ` | 1, then 1 a back-off delay | Find out what made the file so large. The library neither reads nor replaces it, since it may be another program's. | ` + "`TestAHugeSealedFileIsRefusedBeforeItIsRead`" + ` in internal/engine |
| secret denied, then a start in an outage from the sealed file | none: Get returns the value of the file. If ` + "`StaleIfError`" + ` refuses it: ` + "`secret prod/db@AWSCURRENT: service unavailable; the sealed file remembers that the source refused this secret at 2000-01-01T00:00:00Z: access denied; StaleIfError refuses the last good value`" + ` | the value | ` + "`FetchFailed`, `ServedStale`" + ` | 1, then 1 a back-off delay | Allow the role to read the secret. A secret that was deleted or not found is not in the file any more. | ` + "`TestAStaleIfErrorThatRefusesWhatWasDeniedSaysWhy`" + ` in internal/engine |
| clock behind that of the sealed file, at a start in an outage | none: Get returns the value of the file, unless ` + "`StaleIfError`" + ` limits the age. The age is unknown, so ` + "`StaleIfError` and `Info.Age`" + ` get the largest Duration | the value | ` + "`FetchFailed`, `ServedStale`" + ` | 1, then 1 a back-off delay | Set the clock. | ` + "`TestOfAClockThatIsBehindTheSealedFileTheAgeIsUnknown`" + ` in internal/engine |
| clock set back | none: Get returns the value | the value, no younger than before: the monotonic clock counts on | none | none more | Nothing. If the clock is off by more than four minutes, AWS refuses a signature; the SDK corrects itself, once. | ` + "`TestAClockSetBackChangesNothing`" + ` |
`

func TestFailures(t *testing.T) {
	var all strings.Builder
	all.WriteString(failuresHead)
	for _, f := range failures {
		t.Run(f.name, func(t *testing.T) {
			var row string
			if f.virtual {
				synctest.Test(t, func(t *testing.T) { row = f.play(t) })
			} else {
				row = f.play(t)
			}
			wantRow(t, row)
			all.WriteString(row)
		})
	}
	all.WriteString(failuresFoot)
	if *updateFailures {
		_, second := halves(t)
		writePage(t, all.String(), second)
	}
}

// wantRow checks that the page has a row.
func wantRow(t *testing.T, row string) {
	t.Helper()
	if text, err := os.ReadFile(page); !*updateFailures && (err != nil || !strings.Contains(string(text), row)) {
		t.Errorf("docs/failures.md has another row (%v) than\n%s", err, row)
	}
}

// halves returns the page up to the failures of the SDK, and the rest.
func halves(t *testing.T) (first, second string) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	heading := sdkHead[:strings.Index(sdkHead, "Credentials,")]
	first, second, _ = strings.Cut(string(text), heading)
	return first, heading + second
}

func writePage(t *testing.T, halves ...string) {
	t.Helper()
	if err := os.WriteFile(page, []byte(strings.Join(halves, "")), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAClockSetBackChangesNothing(t *testing.T) {
	source, _ := ofService(nil)(t)
	calls, events := new(atomic.Int64), &observed.Journal{}
	c := handletest.Open(t, counted{source, calls}, cache.Config{Observer: events, CheckClock: true})
	handle := typedsecret.New[DBCreds]("prod/db", typedsecret.WithCache(c))
	handletest.Must[DBCreds](t)(handle.Get(t.Context()))
	s := &world.Simulation{Chance: func() uint64 { return 1 << 62 }}
	s.Wall.Store(int64(-24 * time.Hour))
	defer world.Simulate(s)()
	for range 1000 {
		v, info, err := handle.GetWithInfo(t.Context())
		if v != credsV1 || err != nil || info.Stale || info.RefreshErr != nil || info.Age < 0 {
			t.Fatalf("%v, %+v, %v", v, info, err)
		}
	}
	wantCount(t, calls, 1)
	if n := len(events.Records()); n != 1 {
		t.Errorf("%d events", n)
	}
}
