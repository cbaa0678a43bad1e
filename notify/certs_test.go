package notify_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret/notify"
)

// answer is the status of a post to h without a network, from SNS if it is an envelope.
func answer(t testing.TB, h http.Handler, body string) int {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Authorization", token)
	if strings.Contains(body, `"TopicArn"`) {
		r.Header.Set("X-Amz-Sns-Message-Type", "Notification")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

// A trip is a client's transport: it answers all requests.
type trip func(r *http.Request) (status int, body string, err error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body, err := f(r)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://example.com/"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// snsVia returns a function that posts a good message at the address of a certificate, for a
// handler that gets the certificates by do. It returns the status, and why.
func snsVia(t testing.TB, do trip) func(address string) (int, string) {
	t.Helper()
	var failed error
	h, err := notify.NewHandler(notify.HandlerConfig{
		Topics: []string{topicARN}, Client: &http.Client{Transport: do}, OnError: func(err error) { failed = err },
	}, func(context.Context, notify.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return func(address string) (int, string) {
		failed = nil
		status := answer(t, h, notification(native, 0).with("SigningCertURL", address).signed("2", snsKey()).body())
		return status, fmt.Sprint(failed)
	}
}

func TestACertificateThatCanNotBeUsedIsNoProof(t *testing.T) {
	now := time.Now()
	good := asPEM(certify(t, snsKey(), now.Add(-time.Hour), now.Add(time.Hour)))
	elliptic, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	other, err := x509.CreateCertificate(rand.Reader, template, template, &elliptic.PublicKey, elliptic)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		do     trip
		status int
		says   string
	}{
		"good":          {func(*http.Request) (int, string, error) { return 200, good, nil }, 204, "<nil>"},
		"none":          {func(*http.Request) (int, string, error) { return 404, "", nil }, 403, "leads to no certificate: SNS answers 404"},
		"an outage":     {func(*http.Request) (int, string, error) { return 500, "", nil }, 503, "can't be had: SNS answers 500"},
		"a redirect":    {func(*http.Request) (int, string, error) { return 302, good, nil }, 503, "can't be had: SNS answers 302"},
		"no network":    {func(*http.Request) (int, string, error) { return 0, "", errors.New("no route") }, 503, "can't be had: " + snsHost + ": no route"},
		"a panic":       {func(*http.Request) (int, string, error) { panic("hunter2") }, 503, "panic in the HandlerConfig.Client"},
		"no PEM":        {func(*http.Request) (int, string, error) { return 200, "hunter2", nil }, 503, "it is no PEM of a certificate"},
		"a garbled one": {func(*http.Request) (int, string, error) { return 200, asPEM([]byte("hunter2")), nil }, 503, "it is no certificate"},
		"another kind":  {func(*http.Request) (int, string, error) { return 200, asPEM(other), nil }, 503, "its key is not RSA's"},
		"it has ended": {func(*http.Request) (int, string, error) {
			return 200, asPEM(certify(t, snsKey(), now.Add(-time.Hour), now.Add(-time.Minute))), nil
		}, 503, "it is not valid now; is this machine's clock right?"},
		"not yet": {func(*http.Request) (int, string, error) {
			return 200, asPEM(certify(t, snsKey(), now.Add(time.Hour), now.Add(2*time.Hour))), nil
		}, 503, "it is not valid now"},
		"endless": {func(*http.Request) (int, string, error) { return 200, strings.Repeat("x", 1<<20) + good, nil }, 503, "it is no PEM"},
		"a forger's": {func(*http.Request) (int, string, error) {
			return 200, asPEM(certify(t, forgersKey(), now.Add(-time.Hour), now.Add(time.Hour))), nil
		}, 403, "the signature of an SNS post is wrong"},
	} {
		t.Run(name, func(t *testing.T) {
			status, says := snsVia(t, row.do)(certURL)
			if status != row.status || !strings.Contains(says, row.says) || strings.Contains(says, "hunter2") {
				t.Errorf("status %d, %s; want %d, %s", status, says, row.status, row.says)
			}
		})
	}
}

func TestForgedAddressesAreAskedForAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := asPEM(certify(t, snsKey(), now.Add(-time.Hour), now.Add(100*time.Hour)))
		asked := 0
		post := snsVia(t, func(r *http.Request) (int, string, error) {
			asked++
			if r.URL.Path != certPath {
				return 404, "", nil
			}
			return 200, good, nil
		})
		if status, says := post(certURL); status != 204 {
			t.Fatal(status, says)
		}
		asked = 0
		refused := 0
		for i := range 600 { // a minute
			status, says := post(fmt.Sprintf("https://%s/SimpleNotificationService-%d.pem", snsHost, i))
			if status == 503 && strings.Contains(says, "are posts forged?") {
				refused++
			}
			time.Sleep(100 * time.Millisecond)
		}
		if asked < 9 || asked > 11 || refused != 600-asked {
			t.Errorf("%d requests in a minute and %d refusals; want 4 requests and one every 10 s", asked, refused)
		}
		if status, says := post(certURL); status != 204 {
			t.Errorf("the true one: %d, %s", status, says)
		}
	})
}

func TestACertificateIsAskedForAgainEachDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := asPEM(certify(t, snsKey(), now.Add(-time.Hour), now.Add(50*time.Hour)))
		asked, answers := 0, 200
		post := snsVia(t, func(*http.Request) (int, string, error) { asked++; return answers, good, nil })
		want := func(when string, status, calls int) {
			t.Helper()
			got, says := post(certURL)
			if got != status || asked != calls {
				t.Errorf("%s: status %d (%s), %d requests; want %d, %d", when, got, says, asked, status, calls)
			}
			asked = 0
		}
		want("first", 204, 1)
		time.Sleep(23 * time.Hour)
		want("the same day", 204, 0)
		time.Sleep(time.Hour)
		want("the next day", 204, 1)
		answers = 500
		time.Sleep(24 * time.Hour)
		want("in an outage", 204, 1)
		want("at once", 204, 0)
		time.Sleep(time.Minute)
		want("a minute later", 204, 1)
		time.Sleep(2 * time.Hour)
		want("it has ended", 503, 1)
	})
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := asPEM(certify(t, snsKey(), now.Add(-time.Hour), now.Add(50*time.Hour)))
		answers := 200
		post := snsVia(t, func(*http.Request) (int, string, error) { return answers, good, nil })
		post(certURL)
		answers = 404
		time.Sleep(24 * time.Hour)
		if status, says := post(certURL); status != 403 {
			t.Errorf("SNS has taken it back: %d, %s", status, says)
		}
	})
}

func TestOnlySoManyCertificatesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := asPEM(certify(t, snsKey(), now.Add(-time.Hour), now.Add(100*time.Hour)))
		asked := 0
		post := snsVia(t, func(*http.Request) (int, string, error) { asked++; return 200, good, nil })
		for i := range 17 {
			post(fmt.Sprintf("https://%s/SimpleNotificationService-%d.pem", snsHost, i))
			time.Sleep(10 * time.Second)
		}
		post("https://" + snsHost + "/SimpleNotificationService-16.pem")
		if asked != 17 {
			t.Errorf("%d requests for 17 certificates, the last one twice", asked)
		}
		if post("https://" + snsHost + "/SimpleNotificationService-0.pem"); asked != 18 {
			t.Errorf("the oldest one is kept: %d requests", asked)
		}
	})
}

func TestManyPostsWaitForOneCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := asPEM(certify(t, snsKey(), now.Add(-time.Hour), now.Add(time.Hour)))
		asked := 0
		h, err := notify.NewHandler(notify.HandlerConfig{Topics: []string{topicARN}, Client: &http.Client{
			Transport: trip(func(*http.Request) (int, string, error) { asked++; time.Sleep(time.Second); return 200, good, nil }),
		}}, func(context.Context, notify.Event) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if status := answer(t, h, notification(native, 0).signed("2", snsKey()).body()); status != 204 {
					t.Errorf("status %d", status)
				}
			})
		}
		all.Wait()
		if asked != 1 {
			t.Errorf("%d requests", asked)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(
			notification(native, 0).with("SigningCertURL", "https://"+snsHost+"/SimpleNotificationService-b.pem").signed("2", snsKey()).body())).WithContext(ctx)
		r.Header.Set("X-Amz-Sns-Message-Type", "Notification")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("a sender that is gone: %d", w.Code)
		}
		time.Sleep(time.Minute)
	})
}
