package secrettest

import (
	"context"
	"time"
)

// RotationFunc is a rotation function, what the service runs as a Lambda: it is
// called for each of the four steps in turn, and works through the service's API
// as such a function does. An error ends the rotation and leaves it unfinished.
// CancelRotateSecret and [Server.Close] end its context. It must not call Close,
// which waits for it.
type RotationFunc func(ctx context.Context, step RotationStep) error

// RotationStep is what a rotation function is called with. Its JSON is the event
// that the service gives a Lambda.
type RotationStep struct {
	Step               string // createSecret, setSecret, testSecret or finishSecret
	SecretID           string `json:"SecretId"` // the ARN
	ClientRequestToken string // the ID of the version to be made, which bears AWSPENDING
}

// functions are the rotation functions there are, by ARN. The one of the ARN ""
// answers for those that have none of their own.
type functions map[string]RotationFunc

func (f functions) find(arn string) RotationFunc {
	if fn := f[arn]; fn != nil {
		return fn
	}
	return f[""]
}

// OnRotate sets the rotation function that secrets name by one of the given ARNs,
// or, without ARNs, by any that has no function of its own. RotateSecret starts it
// on a goroutine of its own. A nil function removes what was set.
//
// RotateSecret refuses an ARN that has no function, with AccessDeniedException as
// the service does. A function that does nothing leaves the steps to you:
// RotateSecret then announces the new version by AWSPENDING, and it stays so.
func (s *Server) OnRotate(fn RotationFunc, functionARNs ...string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if len(functionARNs) == 0 {
		functionARNs = []string{""}
	}
	if s.store.functions == nil {
		s.store.functions = functions{}
	}
	for _, arn := range functionARNs {
		s.store.functions[arn] = fn
	}
}

// rotation is how a secret is rotated, guarded as the secret is.
type rotation struct {
	enabled  bool
	function string
	rules    *rotationRules
	role     string         // of a managed external secret
	metadata []metadataItem // of a managed external secret
	since    time.Time      // when it was last configured or asked for
	last     time.Time      // when one was last finished
	put      time.Time      // when AWSCURRENT last got a new value, which counts as one
	version  string         // the ID of the version that a rotation is to bring in, "" if none
	run      *run           // the function at work, or nil
}

// run is one call of a rotation function for its steps.
type run struct {
	token     string
	cancelled bool
	cancel    context.CancelFunc
	done      chan struct{} // closed when the function has returned for the last time
}

type metadataItem struct {
	Key   *string `api:"required" len:"1,256"`
	Value *string `api:"required" len:"1,2048"`
}

func (m *metadataItem) UnmarshalJSON(b []byte) error {
	return exactly(b, map[string]any{"Key": &m.Key, "Value": &m.Value})
}

// finishRotation notes the date if a rotation has just reached its end, which is
// AWSCURRENT on the version that was announced, whoever moved it there.
func (sec *secret) finishRotation(now time.Time) {
	r, current := sec.rotation, sec.staged(stageCurrent)
	if r != nil && current != nil && current.id == r.version {
		r.last, r.version = now, ""
	}
}

// rotated notes that the secret got a new value by hand. The next rotation is
// counted from there too (API Reference, RotationRulesType).
func (sec *secret) rotated(now time.Time) {
	if sec.rotation != nil {
		sec.rotation.put = now
	}
}

type rotateSecretInput struct {
	SecretId                       *string `api:"required" len:"1,2048"`
	ClientRequestToken             *string `len:"32,64"`
	ExternalSecretRotationMetadata []metadataItem
	ExternalSecretRotationRoleArn  *string `len:"20,2048"`
	RotateImmediately              *bool
	RotationLambdaARN              *string `len:"0,2048"`
	RotationRules                  *rotationRules
}

type rotateSecretOutput struct {
	ARN       string
	Name      string
	VersionId string `json:",omitempty"`
}

func (s *Server) rotateSecret(in *rotateSecretInput) (any, error) {
	if in.ClientRequestToken == nil {
		return nil, invalidParameter(errNoToken)
	}
	if err := in.RotationRules.check(); err != nil {
		return nil, err
	}
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	function := ""
	if sec.rotation != nil {
		function = sec.rotation.function
	}
	if in.RotationLambdaARN != nil && *in.RotationLambdaARN != "" {
		function = *in.RotationLambdaARN
	}
	switch {
	case function == "":
		return nil, invalidRequest("No Lambda rotation function ARN is associated with this secret.")
	case s.store.functions.find(function) == nil:
		return nil, errNoFunction
	}
	now := s.store.now()
	r := sec.configure(function, in, now)
	token := *in.ClientRequestToken
	pending := sec.staged(stagePending)
	unfinished := pending != nil && pending != sec.staged(stageCurrent)
	out := rotateSecretOutput{ARN: sec.arn, Name: sec.name}
	if in.RotateImmediately != nil && !*in.RotateImmediately {
		if unfinished || r.run != nil {
			return out, nil // AWSPENDING is taken, so there is nothing to test with
		}
		return s.testRotation(sec, token, out, now)
	}
	out.VersionId = token
	if sec.version(token) != nil {
		return out, nil // the same request once more
	}
	if unfinished {
		s.startRotation(sec, pending.id)
		return nil, invalidRequest("A previous rotation isn't complete. That rotation will be reattempted.")
	}
	if err := sec.roomFor(stagePending); err != nil {
		return nil, err
	}
	sec.announce(token, now)
	s.startRotation(sec, token)
	return out, nil
}

// configure notes how a secret is to be rotated.
func (sec *secret) configure(function string, in *rotateSecretInput, now time.Time) *rotation {
	if sec.rotation == nil {
		sec.rotation = &rotation{}
	}
	r := sec.rotation
	r.enabled, r.function, r.since, sec.changed = true, function, now, now
	if in.RotationRules != nil {
		r.rules = in.RotationRules
	}
	if in.ExternalSecretRotationRoleArn != nil {
		r.role = *in.ExternalSecretRotationRoleArn
	}
	if in.ExternalSecretRotationMetadata != nil {
		r.metadata = in.ExternalSecretRotationMetadata
	}
	return r
}

// testRotation runs the step testSecret on a version that bears AWSPENDING until
// the step has ended (API Reference, RotateSecret, RotateImmediately). The version
// has the current value, as a function reads it to test it; the answer waits for
// the step, so that whoever has the answer finds no AWSPENDING.
func (s *Server) testRotation(sec *secret, token string, out rotateSecretOutput, now time.Time) (any, error) {
	current := sec.staged(stageCurrent)
	if current == nil || current.value == nil || sec.version(token) != nil {
		return out, nil
	}
	if err := sec.roomFor(stagePending); err != nil {
		return nil, err
	}
	v := sec.announce(token, now)
	v.value = current.value
	r := sec.rotation
	done := s.startRun(sec, token, []string{"testSecret"}, func() {
		sec.versions.discard(v)
		if r.version == token { // a RotateSecret in the meantime took it for a rotation
			r.version = ""
		}
	})
	return later{out, done}, nil
}

// startRotation runs the rotation function's four steps, unless it is at work: it
// then runs once more for what was asked for in the meantime. The caller holds the
// store's lock.
func (s *Server) startRotation(sec *secret, token string) {
	sec.rotation.version = token
	if sec.rotation.run == nil {
		s.startRun(sec, token, []string{"createSecret", "setSecret", "testSecret", "finishSecret"}, func() {})
	}
}

// startRun calls the rotation function for some steps, on a goroutine of its own,
// and end under the store's lock after the last one. The caller holds that lock.
func (s *Server) startRun(sec *secret, token string, steps []string, end func()) (done <-chan struct{}) {
	r := sec.rotation
	fn := s.store.functions.find(r.function)
	this := &run{token: token, done: make(chan struct{})}
	if fn == nil || s.wire.ctx.Err() != nil {
		end()
		close(this.done)
		return this.done
	}
	var ctx context.Context
	ctx, this.cancel = context.WithCancel(s.wire.ctx)
	r.run = this
	arn := sec.arn
	s.wire.tasks.Add(1)
	go func() {
		defer s.wire.tasks.Done()
		defer func() { // deferred for a function that ends its goroutine, as t.FailNow does
			this.cancel()
			s.store.mu.Lock()
			defer s.store.mu.Unlock()
			end()
			r.run = nil
			if r.version != "" && (r.version != this.token || this.cancelled) {
				s.startRotation(sec, r.version) // asked for in the meantime
			}
			close(this.done)
		}()
		for _, step := range steps {
			if ctx.Err() != nil || fn(ctx, RotationStep{step, arn, token}) != nil {
				return
			}
		}
	}()
	return this.done
}

// cancelRotateSecret turns rotation off and ends one under way. A version that
// bears AWSPENDING keeps it (API Reference, CancelRotateSecret).
func (s *Server) cancelRotateSecret(in *secretIDInput) (any, error) {
	sec, err := s.store.writable(*in.SecretId)
	if err != nil {
		return nil, err
	}
	out := rotateSecretOutput{ARN: sec.arn, Name: sec.name}
	if r := sec.rotation; r != nil {
		r.enabled, r.version = false, ""
		if r.run != nil {
			r.run.cancelled = true
			r.run.cancel()
		}
	}
	if v := sec.staged(stagePending); v != nil {
		out.VersionId = v.id
	}
	sec.changed = s.store.now()
	return out, nil
}
