package secrettest

import (
	"errors"
	"testing"
	"time"
	"unicode/utf8"
)

// Seed makes a secret with a text value and returns its ARN. The test fails if the service
// would refuse the secret, because the name is taken for example. The text must be UTF-8;
// for other bytes there is [Server.SeedBinary].
func (s *Server) Seed(t testing.TB, name, value string) (arn string) {
	t.Helper()
	arn, err := s.Create(name, value)
	if err != nil {
		t.Fatalf("secrettest: Seed(%q): %v", name, err)
	}
	return arn
}

// SeedBinary makes a secret with a binary value and returns its ARN.
func (s *Server) SeedBinary(t testing.TB, name string, value []byte) (arn string) {
	t.Helper()
	arn, err := s.CreateBinary(name, value)
	if err != nil {
		t.Fatalf("secrettest: SeedBinary(%q): %v", name, err)
	}
	return arn
}

// Create is like Seed, for programs. For everything else, a program can use the service's
// API.
func (s *Server) Create(name, value string) (arn string, err error) {
	return s.create(name, &payload{text: value})
}

// CreateBinary is like SeedBinary, for programs.
func (s *Server) CreateBinary(name string, value []byte) (arn string, err error) {
	return s.create(name, &payload{blob: value, binary: true})
}

func (s *Server) create(name string, p *payload) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	in := createSecretInput{Name: &name, ClientRequestToken: new(newUUID())}
	in.SecretString, in.SecretBinary = p.params()
	out, err := local(s, (*Server).createSecret, in)
	if err != nil {
		return "", err
	}
	return out.(createSecretOutput).ARN, nil
}

// Rotate gives a secret a new text value at once: the new version gets AWSCURRENT, and the
// former one AWSPREVIOUS. It returns the new version's ID.
func (s *Server) Rotate(t testing.TB, secretID, value string) (versionID string) {
	t.Helper()
	return s.put(t, "Rotate", secretID, &payload{text: value}, nil)
}

// RotateBinary is like Rotate, for a binary value.
func (s *Server) RotateBinary(t testing.TB, secretID string, value []byte) (versionID string) {
	t.Helper()
	return s.put(t, "RotateBinary", secretID, &payload{blob: value, binary: true}, nil)
}

// Put adds a version with a text value and the given labels, and returns its ID. The label
// AWSPENDING, say, makes a version like that of a rotation under way.
func (s *Server) Put(t testing.TB, secretID, value string, stages ...string) (versionID string) {
	t.Helper()
	if len(stages) == 0 {
		t.Fatalf("secrettest: Put(%q): give the stages of the new version", secretID)
	}
	return s.put(t, "Put", secretID, &payload{text: value}, stages)
}

// Stage moves a label to a version, as UpdateSecretVersionStage does. When AWSCURRENT
// moves, AWSPREVIOUS follows. With an empty version ID the label is removed.
func (s *Server) Stage(t testing.TB, secretID, stage, versionID string) {
	t.Helper()
	in := updateSecretVersionStageInput{SecretId: &secretID, VersionStage: &stage}
	if versionID != "" {
		in.MoveToVersionId = &versionID
	}
	s.store.mu.Lock()
	if sec := s.store.find(secretID); sec != nil {
		if from := sec.staged(stage); from != nil {
			in.RemoveFromVersionId = &from.id
		}
	}
	s.store.mu.Unlock()
	if _, err := local(s, (*Server).updateSecretVersionStage, in); err != nil {
		t.Fatalf("secrettest: Stage(%q, %q, %q): %v", secretID, stage, versionID, err)
	}
}

// Delete schedules a secret for deletion in 30 days. Until then the service refuses
// requests for it, with another error than for an unknown secret.
func (s *Server) Delete(t testing.TB, secretID string) {
	t.Helper()
	if _, err := local(s, (*Server).deleteSecret, deleteSecretInput{SecretId: &secretID}); err != nil {
		t.Fatalf("secrettest: Delete(%q): %v", secretID, err)
	}
}

// SetNow sets the clock for dates; see Config.Now.
func (s *Server) SetNow(now func() time.Time) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	s.store.cfg.Now = now
}

func (s *Server) put(t testing.TB, what, secretID string, p *payload, stages []string) string {
	t.Helper()
	if err := p.check(); err != nil {
		t.Fatalf("secrettest: %s(%q): %v", what, secretID, err)
	}
	in := putSecretValueInput{SecretId: &secretID, ClientRequestToken: new(newUUID()), VersionStages: stages}
	in.SecretString, in.SecretBinary = p.params()
	out, err := local(s, (*Server).putSecretValue, in)
	if err != nil {
		t.Fatalf("secrettest: %s(%q): %v", what, secretID, err)
	}
	return out.(putSecretValueOutput).VersionId
}

// check refuses a text that JSON would change.
func (p *payload) check() error {
	if !utf8.ValidString(p.text) {
		return errors.New("the value is not UTF-8; bytes take a binary value")
	}
	return nil
}

func (p *payload) params() (text *string, blob []byte) {
	if p.binary {
		return nil, append([]byte{}, p.blob...) // not nil, which would mean no value
	}
	return &p.text, nil
}

// local carries out an operation without a request. The operation is not counted and no
// fault affects it, but its parameters are checked.
func local[In any](s *Server, do func(*Server, *In) (any, error), in In) (any, error) {
	return operation(do)(s, mustJSON(in))
}
