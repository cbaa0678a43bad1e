package notify_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/notify"
)

const (
	topicARN = "arn:aws:sns:us-west-2:012345678901:rotations"
	snsHost  = "sns.us-west-2.amazonaws.com"
	certPath = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
	certURL  = "https://" + snsHost + certPath
)

// keys are made once, since that takes long: SNS's and a forger's.
var snsKey, forgersKey = sync.OnceValue(newKey), sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// certify makes a certificate of key for the host of SNS.
func certify(t testing.TB, key *rsa.PrivateKey, from, until time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{snsHost},
		NotBefore: from, NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func asPEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// A fakeSNS serves certificates and confirms subscriptions by HTTPS, as SNS's host does.
type fakeSNS struct {
	client *http.Client // that takes the fake for SNS

	mu     sync.Mutex // guards the fields below
	asked  []string   // the paths and queries
	answer func(w http.ResponseWriter, r *http.Request)
}

func startSNS(t testing.TB) *fakeSNS {
	t.Helper()
	der := certify(t, snsKey(), time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	s := &fakeSNS{answer: func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, asPEM(der)) }}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.asked = append(s.asked, r.URL.String())
		s.answer(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: snsKey()}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(cert)
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if address != snsHost+":443" {
				return nil, errors.New("only SNS may be asked, and not " + address)
			}
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

func (s *fakeSNS) set(answer func(w http.ResponseWriter, r *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// calls returns what was asked for since the last time.
func (s *fakeSNS) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.asked
	s.asked = nil
	return calls
}

// An snsPost is what SNS posts, by the names of its fields.
type snsPost map[string]string

// notification is a post of this message, sent some time ago and not signed yet.
func notification(message string, ago time.Duration) snsPost {
	return snsPost{
		"Type": "Notification", "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": topicARN, "Message": message,
		"Timestamp": time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000Z"), "SigningCertURL": certURL,
	}
}

func confirmation() snsPost {
	p := notification("You have chosen to subscribe to the topic. To confirm, visit the SubscribeURL.", 0)
	p["Type"], p["Token"], p["SubscribeURL"] = "SubscriptionConfirmation", "2336412f37f", "https://"+snsHost+"/?Action=ConfirmSubscription"
	return p
}

// signed signs a post as the developer guide says.
func (p snsPost) signed(version string, key *rsa.PrivateKey) snsPost {
	p["SignatureVersion"] = version
	var b strings.Builder
	for _, name := range []string{"Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"} {
		if value, ok := p[name]; ok {
			b.WriteString(name + "\n" + value + "\n")
		}
	}
	kind, sum := crypto.SHA256, sha256.Sum256([]byte(b.String()))
	digest := sum[:]
	if version == "1" {
		old := sha1.Sum([]byte(b.String()))
		kind, digest = crypto.SHA1, old[:]
	}
	signature, err := rsa.SignPKCS1v15(nil, key, kind, digest)
	if err != nil {
		panic(err)
	}
	p["Signature"] = base64.StdEncoding.EncodeToString(signature)
	return p
}

// with is p with another field, which is set after it was signed.
func (p snsPost) with(name, value string) snsPost {
	p[name] = value
	return p
}

func (p snsPost) body() string {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// An endpoint is a Handler behind a real HTTP server.
type endpoint struct {
	url    string
	events []notify.Event
	errors []error
	fails  error // what the function that takes the events returns
}

func serve(t testing.TB, cfg notify.HandlerConfig) *endpoint {
	t.Helper()
	e := &endpoint{}
	cfg.OnError = func(err error) { e.errors = append(e.errors, err) }
	h, err := notify.NewHandler(cfg, func(_ context.Context, event notify.Event) error {
		e.events = append(e.events, event)
		return e.fails
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

// post posts one message after another, so that nothing guards the endpoint's fields.
func (e *endpoint) post(t testing.TB, body io.Reader, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, e.url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// sns posts as SNS does.
func (e *endpoint) sns(t testing.TB, p snsPost) *http.Response {
	t.Helper()
	return e.post(t, strings.NewReader(p.body()), "X-Amz-Sns-Message-Type", p["Type"], "Content-Type", "text/plain; charset=UTF-8")
}

// said returns the last error, and forgets what has come.
func (e *endpoint) said() (text string) {
	if n := len(e.errors); n > 0 {
		text = e.errors[n-1].Error()
	}
	e.errors, e.events = nil, nil
	return text
}
