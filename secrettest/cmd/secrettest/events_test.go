package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secrettest"
)

// received is a request that reached a receiver of events.
type received struct {
	path   string
	header http.Header
	body   map[string]any
}

func receiver(t *testing.T, status int) (url string, got <-chan received) {
	t.Helper()
	c := make(chan received, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		w.WriteHeader(status)
		c <- received{r.URL.String(), r.Header, body}
	}))
	t.Cleanup(s.Close)
	return s.URL, c
}

func TestEventsArePostedToAURL(t *testing.T) {
	url, got := receiver(t, http.StatusNoContent)
	s, _, errs := connected(t, "-events", url+"/hook")
	arn := s.Seed(t, "prod/db", "one")
	id := s.Rotate(t, "prod/db", "two")
	<-got // the event of the first value
	r := <-got
	detail := r.body["detail"].(map[string]any)
	if r.path != "/hook" || r.header.Get("Content-Type") != "application/json" ||
		r.body["detail-type"] != "Secret Label Updated" || r.body["resources"].([]any)[0] != arn || detail["versionId"] != id {
		t.Errorf("got %+v", r)
	}
	if errs.String() != "" {
		t.Errorf("printed %s", errs)
	}
}

func TestEventsAreSentToAQueue(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	for _, name := range []string{"secrets", "secrets.fifo"} {
		url, got := receiver(t, http.StatusOK)
		queue := url + "/000000000000/" + name
		s, _, errs := connected(t, "-events-queue", queue, "-region", "eu-west-1")
		s.Seed(t, "prod/db", "one")
		r := <-got
		if r.path != "/" || r.header.Get("X-Amz-Target") != "AmazonSQS.SendMessage" || r.header.Get("Content-Type") != "application/x-amz-json-1.0" {
			t.Errorf("request %s %v", r.path, r.header)
		}
		if auth := r.header.Get("Authorization"); !strings.Contains(auth, "/eu-west-1/sqs/aws4_request") || !strings.Contains(auth, "Signature=") {
			t.Errorf("Authorization = %s", auth)
		}
		var event secrettest.Event
		if err := json.Unmarshal([]byte(r.body["MessageBody"].(string)), &event); err != nil || event.Detail.Name != "prod/db" || r.body["QueueUrl"] != queue {
			t.Errorf("body %v, %v", r.body, err)
		}
		if fifo := strings.HasSuffix(name, ".fifo"); (r.body["MessageGroupId"] == "prod/db") != fifo || (r.body["MessageDeduplicationId"] == event.ID) != fifo {
			t.Errorf("%s: %v", name, r.body)
		}
		if errs.String() != "" {
			t.Errorf("printed %s", errs)
		}
	}
}

func TestAQueueAtAWSIsSignedForItsRegion(t *testing.T) {
	for url, want := range map[string]string{
		"https://sqs.ap-south-1.amazonaws.com/123456789012/q":    "ap-south-1",
		"https://sqs.cn-north-1.amazonaws.com.cn/123456789012/q": "cn-north-1",
		"http://localhost:9324/000000000000/q":                   "us-east-1",
	} {
		q, err := parseQueue(url, "us-east-1")
		if err != nil {
			t.Fatal(err)
		}
		h, err := q.sign(t.Context(), []byte("{}"))
		if err != nil || !strings.Contains(h.Get("Authorization"), "/"+want+"/sqs/") {
			t.Errorf("%s: %v, %v", url, h, err)
		}
	}
}

func TestAnEventThatIsNotDeliveredIsReported(t *testing.T) {
	url, got := receiver(t, http.StatusServiceUnavailable)
	s, _, errs := connected(t, "-events", url+"/?key=sesame")
	s.Seed(t, "prod/db", "one")
	<-got
	for deadline := time.Now().Add(30 * time.Second); errs.String() == "" && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if got := errs.String(); !strings.HasPrefix(got, "secrettest: event AWSCURRENT of prod/db: POST to 127.0.0.1:") || !strings.Contains(got, "status 503") || strings.Contains(got, "sesame") {
		t.Errorf("printed %q", got)
	}
}
