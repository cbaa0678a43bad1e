package secrettest

import (
	"context"
	"time"
)

// RotationFunc is a rotation function, which the service runs as a Lambda. The server calls
// it for each of the four steps in turn, and it uses the service's API. An error ends the
// rotation and leaves it unfinished. CancelRotateSecret and [Server.Close] cancel its
// context. It must not call Close, which waits for it.
type RotationFunc func(ctx context.Context, step RotationStep) error

// RotationStep is the argument of a rotation function. Its JSON is the event that the
// service sends to a Lambda.
type RotationStep struct {
	Step               string // createSecret, setSecret, testSecret or finishSecret
	SecretID           string `json:"SecretId"` // the ARN
	ClientRequestToken string // the ID of the new version, which has AWSPENDING
}

// functions are the rotation functions, by ARN. The function with the ARN "" is used for
// ARNs without their own.
type functions map[string]RotationFunc

func (f functions) find(arn string) RotationFunc {
	if fn := f[arn]; fn != nil {
		return fn
	}
	return f[""]
}

// OnRotate sets the rotation function for the given ARNs, which secrets name. Without ARNs,
// it sets the function for all ARNs that have none of their own. RotateSecret starts the
// function on a goroutine of its own. A nil function removes it.
//
// RotateSecret refuses an ARN that has no function, with AccessDeniedException as the
// service does. If the function does nothing, the test can make the steps itself: after
// RotateSecret the new version has AWSPENDING, and keeps it.
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

// rotation has the settings and the state of a secret's rotation. The secret's lock guards
// it.
type rotation struct {
	enabled  bool
	function string
	rules    *rotationRules
	role     string         // of a managed external secret
	metadata []metadataItem // of a managed external secret
	since    time.Time      // when it was last configured or requested
	last     time.Time      // when a rotation was last finished
	put      time.Time      // when AWSCURRENT last got a new value by hand
	version  string         // the ID of the version of an unfinished rotation; "" if there is none
	run      *run           // the function that is running, or nil
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

// finishRotation records the date if a rotation has just ended. It ends when AWSCURRENT
// moves to the announced version, by any request.
func (sec *secret) finishRotation(now time.Time) {
	r, current := sec.rotation, sec.staged(stageCurrent)
	if r != nil && current != nil && current.id == r.version {
		r.last, r.version = now, ""
	}
}

// rotated records that the secret got a new value by hand. The date of the next rotation is
// counted from that too (API Reference, RotationRulesType).
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
			return out, nil // another version has AWSPENDING, so there is no test
		}
		return s.testRotation(sec, token, out, now)
	}
	out.VersionId = token
	if sec.version(token) != nil {
		return out, nil // the same request again
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

// configure stores the settings of a secret's rotation.
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

// testRotation runs the step testSecret on a version that has AWSPENDING until the step
// ends (API Reference, RotateSecret, RotateImmediately). The version has the current value,
// which the function reads for its test. The answer waits for the step, so that the client
// then finds no AWSPENDING.
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
		if r.version == token { // another RotateSecret has used the version for a rotation meanwhile
			r.version = ""
		}
	})
	return later{out, done}, nil
}

// startRotation runs the rotation function's four steps. If the function is still running,
// it runs once more after that. The caller holds the store's lock.
func (s *Server) startRotation(sec *secret, token string) {
	sec.rotation.version = token
	if sec.rotation.run == nil {
		s.startRun(sec, token, []string{"createSecret", "setSecret", "testSecret", "finishSecret"}, func() {})
	}
}

// startRun calls the rotation function for some steps, on a goroutine of its own. After the
// last step it calls end under the store's lock. The caller holds that lock.
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
				s.startRotation(sec, r.version) // it was requested meanwhile
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

// cancelRotateSecret turns rotation off, and ends a rotation under way. A version with
// AWSPENDING keeps it (API Reference, CancelRotateSecret).
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
