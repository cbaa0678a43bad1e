// Package outages plays outages of Secrets Manager in virtual time, and measures what the
// readers of a process see: of this library, and of AWS's caching client for Go.
//
// The service is secrettest's server, which both clients reach through the AWS SDK's own
// client. So the errors are those that the SDK makes of the service's answers, and the calls
// are requests on the wire, the SDK's retries included.
package outages

import (
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/secrettest"
)

// An Outage is what goes wrong.
type Outage struct {
	Name string
	// Rest names the secrets that the outage does not touch. It is empty if there are none.
	Rest string

	regions  layout
	touches  func(id string) bool
	strike   func(t *testing.T, w *world) (end func())
	promises promises
}

// layout says in which regions the secrets are.
type layout int

const (
	one        layout = iota // all in one region
	two                      // half of them in another region
	replicated               // all in one region, with a replica in another
)

const (
	west    = "eu-west-1"
	central = "eu-central-1"

	// phase is the time for which a service that comes and goes fails, and then answers.
	phase = 3 * time.Second
	// ofOtherKey ends the IDs of the secrets whose key is disabled in an outage of KMS.
	ofOtherKey = "-key2"
)

// All returns the outages, in the order of the table.
func All() []Outage {
	return []Outage{
		{Name: "hangs", touches: all, strike: leads(secrettest.Hang()), promises: whileItHangs},
		{Name: "fails (500)", touches: all, strike: leads(secrettest.InternalError()), promises: whileItFails},
		{
			Name: "has no address (DNS)", touches: all, promises: whileItFails,
			strike: func(_ *testing.T, w *world) func() {
				w.regions[0].lead(unresolved{})
				return w.regions[0].mend
			},
		},
		{Name: "throttles every call", touches: all, strike: leads(secrettest.Throttling()), promises: whileItThrottles},
		{Name: "fails for 3 s, answers for 3 s", touches: all, strike: comesAndGoes(secrettest.InternalError()), promises: whileItComesAndGoes},
		{Name: "hangs for 3 s, answers for 3 s", touches: all, strike: comesAndGoes(secrettest.Hang()), promises: whileItComesAndHangs},
		{Name: "denies everything (IAM)", touches: all, strike: leads(secrettest.AccessDenied()), promises: whileItRefuses},
		{
			Name: "can't decrypt each fourth secret (KMS)", Rest: "the other secrets", strike: disableKey, promises: whileItRefuses,
			touches: func(id string) bool { return strings.HasSuffix(id, ofOtherKey) },
		},
		{
			Name: "hangs in one region", Rest: "the other region", regions: two, strike: leads(secrettest.Hang()), promises: whileItHangs,
			touches: func(id string) bool { return strings.HasPrefix(id, west) },
		},
		{Name: "hangs, a replica answers", regions: replicated, touches: all, strike: leads(secrettest.Hang()), promises: whileAReplicaAnswers},
	}
}

// CanPlay reports whether a client can read secrets that are laid out like this.
func (o Outage) CanPlay(c Client) bool { return o.regions != replicated || c.canReplace }

func all(string) bool { return true }

// leads has each request to the first region go wrong.
func leads(how secrettest.Effect) func(t *testing.T, w *world) func() {
	return func(t *testing.T, w *world) func() {
		w.regions[0].lead(broken(t, how))
		return w.regions[0].mend
	}
}

// comesAndGoes has requests to the first region go wrong for a while, again and again.
func comesAndGoes(how secrettest.Effect) func(t *testing.T, w *world) func() {
	return func(t *testing.T, w *world) func() {
		wrong, r := broken(t, how), w.regions[0]
		r.lead(wrong)
		ticker, done := time.NewTicker(phase), make(chan struct{})
		w.running.Go(func() {
			for isWrong := true; ; {
				select {
				case <-done:
					r.mend()
					return
				case <-ticker.C:
				}
				if isWrong = !isWrong; isWrong {
					r.lead(wrong)
				} else {
					r.mend()
				}
			}
		})
		return func() { ticker.Stop(); close(done) }
	}
}

// disableKey has no secret decrypted whose key is disabled. It can still be described.
func disableKey(t *testing.T, w *world) func() {
	var stops []func()
	for _, id := range w.ids {
		if strings.HasSuffix(id, ofOtherKey) {
			stops = append(stops, w.regions[0].server.Fail(t, secrettest.Fault{
				Operation: "GetSecretValue", SecretID: id, Effect: secrettest.DecryptionFailure(),
			}))
		}
	}
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}
