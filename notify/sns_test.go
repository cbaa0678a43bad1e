package notify_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/typedsecret/typedsecret/internal/awsevent"
	"github.com/typedsecret/typedsecret/notify"
)

func TestAPostThatSNSHasSignedIsTaken(t *testing.T) {
	s := startSNS(t)
	e := serve(t, notify.HandlerConfig{Topics: []string{topicARN}, Client: s.client})
	for name, p := range map[string]snsPost{
		"version 1":         notification(native, 0).signed("1", snsKey()),
		"version 2":         notification(native, 0).signed("2", snsKey()),
		"with a subject":    notification(native, 0).with("Subject", "a rotation").signed("2", snsKey()),
		"tried for an hour": notification(native, time.Hour).signed("2", snsKey()),
		"a clock behind":    notification(native, -time.Minute).signed("2", snsKey()),
	} {
		resp := e.sns(t, p)
		if diff := cmp.Diff([]notify.Event{current(notify.LabelMoved)}, e.events); diff != "" || resp.StatusCode != http.StatusNoContent {
			t.Errorf("%s: %s, %s (-want +got):\n%s", name, resp.Status, e.said(), diff)
		}
		e.said()
	}
	if diff := cmp.Diff([]string{certPath}, s.calls()); diff != "" {
		t.Errorf("the certificate is asked for once (-want +got):\n%s", diff)
	}
}

func TestAnEventWithoutATimeHasThatOfSNS(t *testing.T) {
	s := startSNS(t)
	e := serve(t, notify.HandlerConfig{Topics: []string{topicARN}, Client: s.client})
	p := notification(`{"name":"mySecret","labelUpdated":"AWSCURRENT","versionId":"`+version+`"}`, 0).signed("2", snsKey())
	e.sns(t, p)
	if len(e.events) != 1 || e.events[0].Time.Format("2006-01-02T15:04:05.000Z") != p["Timestamp"] {
		t.Errorf("events %v, sent at %s", e.events, p["Timestamp"])
	}
}

func TestAPostThatMayBeForgedIsRefused(t *testing.T) {
	s := startSNS(t)
	e := serve(t, notify.HandlerConfig{Topics: []string{topicARN}, Client: s.client})
	good := func() snsPost { return notification(native, 0).signed("2", snsKey()) }
	at := func(address string) snsPost { return good().with("SigningCertURL", address) }
	for name, row := range map[string]struct {
		post   snsPost
		status int
		says   string
	}{
		"another key":              {notification(native, 0).signed("2", forgersKey()), 403, "the signature of an SNS post is wrong"},
		"another message":          {good().with("Message", put("arn")), 403, "the signature of an SNS post is wrong"},
		"another ID":               {good().with("MessageId", "a"), 403, "the signature of an SNS post is wrong"},
		"a subject put in":         {good().with("Subject", "a"), 403, "the signature of an SNS post is wrong"},
		"SHA-1 said of SHA-256":    {good().with("SignatureVersion", "1"), 403, "the signature of an SNS post is wrong"},
		"no version":               {good().with("SignatureVersion", "0"), 403, "the SignatureVersion of an SNS post is neither 1 nor 2"},
		"no signature":             {good().with("Signature", ""), 403, "the signature of an SNS post is wrong"},
		"a garbled signature":      {good().with("Signature", "hunter2!"), 403, "the Signature of an SNS post is no base64"},
		"another topic":            {notification(native, 0).with("TopicArn", topicARN+"2").signed("2", snsKey()), 403, "of a topic that HandlerConfig.Topics does not have"},
		"another type":             {notification(native, 0).with("Type", "hunter2").signed("2", snsKey()), 403, "the fields of an SNS post can't be those that SNS signs"},
		"a part for another field": {notification(native, 0).with("MessageId", "a\nSubject\nb").signed("2", snsKey()), 403, "the fields of an SNS post can't be those that SNS signs"},
		"replayed":                 {notification(native, 66*time.Minute).signed("2", snsKey()), 403, "an SNS post was sent 1h6m0s ago; HandlerConfig.ReplayWindow is 1h5m0s"},
		"from ahead":               {notification(native, -6*time.Minute).signed("2", snsKey()), 403, "ahead; set this machine's clock"},
		"no time":                  {notification(native, 0).with("Timestamp", "hunter2").signed("2", snsKey()), 400, "the Timestamp of an SNS post is none"},
		"no event":                 {notification("hunter2", 0).signed("2", snsKey()), 400, "no event that is known: it is no JSON"},

		"http":                   {at("http://" + snsHost + certPath), 403, "the SigningCertURL of an SNS post is none of https://" + snsHost},
		"another region":         {at("https://sns.us-east-1.amazonaws.com" + certPath), 403, "is none of https"},
		"a bucket":               {at("https://s3.amazonaws.com" + certPath), 403, "is none of https"},
		"a bucket named sns":     {at("https://sns.s3-us-west-2.amazonaws.com" + certPath), 403, "is none of https"},
		"a host that begins so":  {at("https://" + snsHost + ".example.com" + certPath), 403, "is none of https"},
		"a host with a user":     {at("https://" + snsHost + "@example.com" + certPath), 403, "is none of https"},
		"a port":                 {at("https://" + snsHost + ":444" + certPath), 403, "is none of https"},
		"another path":           {at("https://" + snsHost + "/hunter2.pem"), 403, "is none of https"},
		"a path that leads away": {at("https://" + snsHost + "/x/.." + certPath), 403, "is none of https"},
		"a query":                {at(certURL + "?hunter2.pem"), 403, "is none of https"},
		"no URL":                 {at(""), 403, "is none of https"},
	} {
		t.Run(name, func(t *testing.T) {
			resp := e.sns(t, row.post)
			body, _ := io.ReadAll(resp.Body)
			if events, said := len(e.events), e.said(); resp.StatusCode != row.status || events != 0 || !strings.Contains(said, row.says) {
				t.Errorf("status %d, %d events, %s; want %d, %s", resp.StatusCode, events, said, row.status, row.says)
			} else if strings.Contains(said+string(body), "hunter2") {
				t.Errorf("quoted: %s %s", said, body)
			}
		})
	}
	if calls := s.calls(); len(calls) > 1 {
		t.Errorf("%q were asked for", calls)
	}
}

func TestWhatSNSPostsBesidesEvents(t *testing.T) {
	s := startSNS(t)
	e := serve(t, notify.HandlerConfig{Topics: []string{topicARN}, Client: s.client})
	const asked = "/?Action=ConfirmSubscription&Token=2336412f37f&TopicArn=arn%3Aaws%3Asns%3Aus-west-2%3A012345678901%3Arotations"

	if resp := e.sns(t, confirmation().signed("1", snsKey())); resp.StatusCode != http.StatusNoContent || e.said() != "" {
		t.Errorf("a confirmation: %s", resp.Status)
	}
	if diff := cmp.Diff([]string{certPath, asked}, s.calls()); diff != "" {
		t.Errorf("it is confirmed (-want +got):\n%s", diff)
	}
	for name, p := range map[string]snsPost{
		"forged":           confirmation().signed("2", forgersKey()),
		"of another topic": confirmation().with("TopicArn", topicARN+"2").signed("2", snsKey()),
		"another token":    confirmation().signed("2", snsKey()).with("Token", "a"),
	} {
		if resp := e.sns(t, p); resp.StatusCode != http.StatusForbidden || len(s.calls()) != 0 {
			t.Errorf("%s: %s, or SNS was asked", name, resp.Status)
		}
	}

	s.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	resp := e.sns(t, confirmation().signed("2", snsKey()))
	if said := e.said(); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(said, "can't be confirmed: SNS answers 400") {
		t.Errorf("SNS refuses: %s, %s", resp.Status, said)
	}
	s.set(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	resp = e.sns(t, confirmation().signed("2", snsKey()))
	if said := e.said(); resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(said, snsHost) || strings.Contains(said, "2336412f37f") {
		t.Errorf("SNS breaks off: %s, %s", resp.Status, said)
	}

	s.calls()
	resp = e.sns(t, confirmation().with("Type", "UnsubscribeConfirmation").signed("2", snsKey()))
	if said := e.said(); resp.StatusCode != http.StatusNoContent || !strings.Contains(said, "has ended; subscribe again") || len(s.calls()) != 0 {
		t.Errorf("unsubscribed: %s, %s", resp.Status, said)
	}
	if resp := e.sns(t, notification(awsevent.Call("GetSecretValue", `{"secretId":"a"}`, "null"), 0).signed("2", snsKey())); resp.StatusCode != http.StatusNoContent || e.said() != "" {
		t.Errorf("an event that changes nothing: %s", resp.Status)
	}
	resp = e.post(t, strings.NewReader(native), "X-Amz-Sns-Message-Type", "Notification", "X-Amz-Sns-Rawdelivery", "true")
	if said := e.said(); resp.StatusCode != http.StatusForbidden || !strings.Contains(said, "turn raw message delivery off") {
		t.Errorf("raw: %s, %s", resp.Status, said)
	}
	resp = e.post(t, strings.NewReader(`{"Message":7}`), "X-Amz-Sns-Message-Type", "Notification")
	if said := e.said(); resp.StatusCode != http.StatusBadRequest || !strings.Contains(said, "none of its envelopes") {
		t.Errorf("no envelope: %s, %s", resp.Status, said)
	}
}

func TestTheTopicSaysWhereItsCertificateIs(t *testing.T) {
	for arn, host := range map[string]string{
		"arn:aws:sns:eu-west-1:012345678901:t":            "sns.eu-west-1.amazonaws.com",
		"arn:aws-us-gov:sns:us-gov-west-1:012345678901:t": "sns.us-gov-west-1.amazonaws.com",
		"arn:aws-cn:sns:cn-north-1:012345678901:t":        "sns.cn-north-1.amazonaws.com.cn",
		"arn:aws-eusc:sns:eusc-de-east-1:012345678901:t":  "sns.eusc-de-east-1.amazonaws.eu",
	} {
		e := serve(t, notify.HandlerConfig{Topics: []string{arn}})
		e.sns(t, notification(native, 0).with("TopicArn", arn).with("SigningCertURL", "https://example.com/").signed("2", forgersKey()))
		if said := e.said(); !strings.HasSuffix(said, "is none of https://"+host) {
			t.Errorf("%s: %s", arn, said)
		}
	}
}
