package notify

import (
	"context"
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1" // SignatureVersion 1; a topic's default
	_ "crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/arn"

	"github.com/typedsecret/typedsecret/internal/guard"
)

// An envelope is what SNS posts (SNS developer guide, "Parsing message formats").
type envelope struct {
	Type, MessageID, TopicArn, Message, Timestamp string
	Subject                                       *string
	Token, SubscribeURL                           string
	SignatureVersion, Signature, SigningCertURL   string
}

// takeSNS takes a post of SNS.
func (h *Handler) takeSNS(ctx context.Context, body []byte) error {
	var m envelope
	if json.Unmarshal(body, &m) != nil {
		return refuse(http.StatusBadRequest, "the body of an SNS post is none of its envelopes")
	}
	from, allowed := h.topics[m.TopicArn]
	if !allowed {
		return refuse(http.StatusForbidden, "an SNS post is of a topic that HandlerConfig.Topics does not have")
	}
	sent, err := h.checkAge(&m)
	if err != nil {
		return err
	}
	if err := h.verify(ctx, &m, from); err != nil {
		return err
	}
	switch m.Type {
	case typeConfirmation:
		return h.confirm(ctx, &m, from)
	case typeUnsubscribed:
		// The event is no more than the news that no event will come.
		return refuse(http.StatusNoContent, "the subscription to %s has ended; subscribe again if events are still wanted", m.TopicArn)
	}
	e, err := Parse([]byte(m.Message))
	if err == nil && e.Time.IsZero() {
		e.Time = sent
	}
	return h.take(ctx, e, err)
}

// clockSkew is how far ahead the clock of SNS may be.
const clockSkew = 5 * time.Minute

func (h *Handler) checkAge(m *envelope) (sent time.Time, err error) {
	sent = parseTime(m.Timestamp)
	age := time.Since(sent)
	switch {
	case sent.IsZero():
		return sent, refuse(http.StatusBadRequest, "the Timestamp of an SNS post is none")
	case h.cfg.ReplayWindow < 0:
	case age > h.cfg.ReplayWindow:
		return sent, refuse(http.StatusForbidden, "an SNS post was sent %v ago; HandlerConfig.ReplayWindow is %v", age.Round(time.Second), h.cfg.ReplayWindow)
	case age < -clockSkew:
		return sent, refuse(http.StatusForbidden, "an SNS post is from %v ahead; set this machine's clock", -age.Round(time.Second))
	}
	return sent, nil
}

// verify checks the signature of an envelope (SNS developer guide, "Verifying the signatures of
// Amazon SNS messages").
func (h *Handler) verify(ctx context.Context, m *envelope, from topic) error {
	hash, ok := map[string]crypto.Hash{"1": crypto.SHA1, "2": crypto.SHA256}[m.SignatureVersion]
	if !ok {
		return refuse(http.StatusForbidden, "the SignatureVersion of an SNS post is neither 1 nor 2")
	}
	signed, ok := m.signed()
	if !ok {
		return refuse(http.StatusForbidden, "the fields of an SNS post can't be those that SNS signs")
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return refuse(http.StatusForbidden, "the Signature of an SNS post is no base64")
	}
	if !from.hasCertificate(m.SigningCertURL) {
		return refuse(http.StatusForbidden, "the SigningCertURL of an SNS post is none of https://%s", from.host)
	}
	key, err := h.certs.key(ctx, m.SigningCertURL)
	if err != nil {
		return err
	}
	sum := hash.New()
	sum.Write([]byte(signed))
	if rsa.VerifyPKCS1v15(key, hash, sum.Sum(nil), signature) != nil {
		return refuse(http.StatusForbidden, "the signature of an SNS post is wrong")
	}
	return nil
}

// signed returns the text that SNS signs. The text has one reading only if no field but the
// Message has a line's end: else a part of the Message could pass for another field.
func (m *envelope) signed() (string, bool) {
	fields := []string{"Message", m.Message, "MessageId", m.MessageID}
	switch m.Type {
	case typeNotification:
		if m.Subject != nil {
			fields = append(fields, "Subject", *m.Subject)
		}
		fields = append(fields, "Timestamp", m.Timestamp)
	case typeConfirmation, typeUnsubscribed:
		fields = append(fields, "SubscribeURL", m.SubscribeURL, "Timestamp", m.Timestamp, "Token", m.Token)
	default:
		return "", false
	}
	fields = append(fields, "TopicArn", m.TopicArn, "Type", m.Type)
	for _, field := range fields[2:] {
		if strings.Contains(field, "\n") {
			return "", false
		}
	}
	return strings.Join(fields, "\n") + "\n", true
}

// confirm confirms the subscription of a topic that is allowed. It asks SNS itself, and not
// the SubscribeURL, which is no more than that.
func (h *Handler) confirm(ctx context.Context, m *envelope, from topic) error {
	at := url.URL{Scheme: "https", Host: from.host, Path: "/", RawQuery: url.Values{
		"Action": {"ConfirmSubscription"}, "TopicArn": {m.TopicArn}, "Token": {m.Token},
	}.Encode()}
	ctx, cancel := context.WithTimeout(ctx, clientTimeout)
	defer cancel()
	status, _, err := get(ctx, h.cfg.Client, at.String())
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "the subscription to %s can't be confirmed: %w", m.TopicArn, err)
	}
	if status != http.StatusOK {
		return refuse(http.StatusServiceUnavailable, "the subscription to %s can't be confirmed: SNS answers %d", m.TopicArn, status)
	}
	return nil
}

// maxAnswer is the most bytes of an answer of SNS that are read. A certificate has some 2 kB.
const maxAnswer = 64 << 10

// get asks SNS. Its errors name the host, and not the query, which may have a token.
func get(ctx context.Context, client *http.Client, address string) (status int, body []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, errors.New("the address is none")
	}
	err = guard.Call("HandlerConfig.Client", func() error {
		resp, err := client.Do(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		status = resp.StatusCode
		body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		return err
	})
	if in := (*url.Error)(nil); errors.As(err, &in) {
		err = in.Err // without the address
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", r.URL.Host, err)
	}
	return status, body, nil
}

// A topic is where SNS serves a topic from.
type topic struct{ host string }

// domains are those of AWS's partitions.
var domains = map[string]string{
	"aws": "amazonaws.com", "aws-cn": "amazonaws.com.cn", "aws-us-gov": "amazonaws.com", "aws-eusc": "amazonaws.eu",
	"aws-iso": "c2s.ic.gov", "aws-iso-b": "sc2s.sgov.gov", "aws-iso-e": "cloud.adc-e.uk", "aws-iso-f": "csp.hci.ic.gov",
}

var region = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

func parseTopic(text string) (topic, error) {
	a, err := arn.Parse(text)
	switch domain := domains[a.Partition]; {
	case err != nil || a.Service != "sns" || a.AccountID == "" || a.Resource == "" || strings.ContainsAny(a.Resource, ":\n"):
		return topic{}, fmt.Errorf("notify: %q in HandlerConfig.Topics is no topic; one is like arn:aws:sns:eu-west-1:123456789012:rotations", text)
	case domain == "" || !region.MatchString(a.Region):
		return topic{}, fmt.Errorf("notify: the topic %s is in no region of AWS that is known", text)
	default:
		return topic{"sns." + a.Region + "." + domain}, nil
	}
}

var certificatePath = regexp.MustCompile(`^/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem$`)

// hasCertificate reports whether a URL is one of the certificates of the topic's region. The
// host is the whole proof that the certificate is SNS's: others, such as a bucket of S3's, may
// hold anybody's.
func (t topic) hasCertificate(address string) bool {
	path, ok := strings.CutPrefix(address, "https://"+t.host)
	return ok && certificatePath.MatchString(path)
}
