package rotation_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/integration/rotation"
	"github.com/typedsecret/typedsecret/secrettest"
)

func TestAFailedStepIsTriedAgain(t *testing.T) {
	h := newHouse(t)
	for _, step := range []string{rotation.CreateSecret, rotation.SetSecret, rotation.TestSecret, rotation.FinishSecret} {
		t.Run(step, func(t *testing.T) {
			h.manage(t, rotation.Config{Before: rotation.FailAt(step, 1)})
			before := h.read(t, "AWSCURRENT")
			err := h.Rotate(t.Context(), id)
			if !errors.Is(err, rotation.ErrInjected) || !strings.Contains(err.Error(), step) {
				t.Errorf("error = %v", err)
			}
			if h.read(t, "AWSCURRENT") != before {
				t.Error("AWSCURRENT has moved")
			}
			h.rotate(t)
			h.wantIn(t, "AWSCURRENT")
			h.wantRefused(t, "AWSPREVIOUS")
			if h.read(t, "AWSPREVIOUS") != before {
				t.Error("a version was skipped")
			}
		})
	}
}

func TestCancelPutsItBack(t *testing.T) {
	h := newHouse(t)
	for _, row := range []struct {
		name     string
		strategy rotation.Strategy
		previous bool // whether AWSPREVIOUS logs in afterwards
	}{
		{"single", rotation.SingleUser, false},
		{"alternating", rotation.AlternatingUsers, true},
	} {
		for _, step := range []string{rotation.CreateSecret, rotation.SetSecret, rotation.TestSecret, rotation.FinishSecret} {
			t.Run(row.name+"/"+step, func(t *testing.T) {
				h.manage(t, rotation.Config{Strategy: row.strategy})
				h.rotate(t)
				before := h.read(t, "AWSCURRENT")
				h.manage(t, rotation.Config{Strategy: row.strategy, Before: rotation.FailAt(step, 1)})
				if err := h.Rotate(t.Context(), id); !errors.Is(err, rotation.ErrInjected) {
					t.Fatal(err)
				}
				for range 2 {
					if err := h.Cancel(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				}
				if h.read(t, "AWSCURRENT") != before {
					t.Error("AWSCURRENT has moved")
				}
				h.wantIn(t, "AWSCURRENT")
				if row.previous {
					h.wantIn(t, "AWSPREVIOUS")
				}
				d, err := h.client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String(id)})
				if err != nil {
					t.Fatal(err)
				}
				for version, stages := range d.VersionIdsToStages {
					if strings.Join(stages, " ") == "AWSPENDING" {
						t.Errorf("%s still bears AWSPENDING", version)
					}
				}
				h.rotate(t)
				h.wantIn(t, "AWSCURRENT")
			})
		}
	}
}

func TestCancelEndsAPause(t *testing.T) {
	h := newHouse(t)
	window := make(chan bool)
	h.manage(t, rotation.Config{
		Pauses: rotation.Pauses{Set: time.Hour},
		After: func(_ context.Context, step string) error {
			if step == rotation.SetSecret {
				close(window)
			}
			return nil
		},
	})
	ended := make(chan error)
	go func() { ended <- h.Rotate(t.Context(), id) }()
	<-window
	h.wantRefused(t, "AWSCURRENT")
	if err := h.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, rotation.ErrCanceled) {
		t.Errorf("Rotate: %v", err)
	}
	h.wantIn(t, "AWSCURRENT")
}

func TestRotationsFollowEachOtherAtOnce(t *testing.T) {
	s := secrettest.New(t)
	s.Seed(t, id, `{"username":"app","password":"sesame"}`)
	r := rotation.New(s)
	if err := r.Manage(t.Context(), id, rotation.Config{Database: anything{}}); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error)
	for range 4 {
		go func() {
			for range 50 {
				errs <- r.Rotate(t.Context(), id)
			}
		}()
	}
	for range 200 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Calls("UpdateSecretVersionStage"); n != 200 {
		t.Errorf("%d rotations, want 200", n)
	}
}

func TestRotateEndsWithItsContextOrTheServer(t *testing.T) {
	s := secrettest.New(t)
	s.Seed(t, id, `{"username":"app","password":"sesame"}`)
	r := rotation.New(s)
	ctx, cancel := context.WithCancel(t.Context())
	cfg := rotation.Config{Database: anything{}, Pauses: rotation.Pauses{Create: time.Hour}}
	cfg.After = func(context.Context, string) error { cancel(); return nil }
	if err := r.Manage(ctx, id, cfg); err != nil {
		t.Fatal(err)
	}
	if err := r.Rotate(ctx, id); !errors.Is(err, context.Canceled) {
		t.Errorf("Rotate: %v", err)
	}
	ended := make(chan error)
	go func() { ended <- r.Rotate(context.Background(), id) }()
	s.Close()
	if err := <-ended; err == nil {
		t.Error("Rotate on a closed server succeeds")
	}
}

func TestFaultsOfTheApplicationAreNotTheRotators(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{})
	for _, row := range []struct {
		name  string
		fault secrettest.Fault
	}{
		{"throttling", secrettest.Fault{Effect: secrettest.Throttling()}},
		{"internal error", secrettest.Fault{Effect: secrettest.InternalError()}},
		{"latency", secrettest.Fault{Latency: time.Hour}},
		{"access denied", secrettest.Fault{SecretID: id, Effect: secrettest.AccessDenied()}},
		{"one hit", secrettest.Fault{Times: 1, Effect: secrettest.InternalError()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.fault.Operation = "GetSecretValue"
			stop := h.aws.Fail(t, row.fault)
			h.aws.ResetCalls()
			h.rotate(t)
			h.manage(t, rotation.Config{Before: rotation.FailAt(rotation.CreateSecret, 1)})
			if err := h.Rotate(t.Context(), id); !errors.Is(err, rotation.ErrInjected) {
				t.Error(err)
			}
			if err := h.Cancel(t.Context(), id); err != nil {
				t.Error(err)
			}
			if n := h.aws.Calls("GetSecretValue"); n != 0 {
				t.Errorf("the rotator called GetSecretValue %d times", n)
			}
			if row.fault.Latency == 0 {
				if _, err := h.client.GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)}); err == nil {
					t.Error("the application was not hit")
				}
			}
			stop()
			h.wantIn(t, "AWSCURRENT")
		})
	}
}

func TestFaultsOfAllOperationsAreOutlived(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{})
	h.aws.Fail(t, secrettest.Fault{Times: 10, Effect: secrettest.Throttling()})
	h.rotate(t)
	h.wantIn(t, "AWSCURRENT")
}

// anything is a database that takes every password.
type anything struct{}

func (anything) SetPassword(context.Context, string, string) error { return nil }
func (anything) CheckLogin(context.Context, string, string) error  { return nil }

// gossip is a database whose errors quote passwords.
type gossip struct{}

func (gossip) SetPassword(context.Context, string, string) error { return nil }
func (gossip) CheckLogin(_ context.Context, _, password string) error {
	return errors.New("refused: " + password)
}

func TestNoErrorQuotesAPassword(t *testing.T) {
	h := newHouse(t)
	h.manage(t, rotation.Config{Database: gossip{}})
	err := h.Rotate(t.Context(), id)
	if err == nil || strings.Contains(err.Error(), h.read(t, "AWSPENDING").Password) || !strings.Contains(err.Error(), "testSecret") {
		t.Errorf("error = %v", err)
	}
	h.aws.Seed(t, "bad", `{"username":"app","password":["sesame"]}`)
	if err := h.Manage(t.Context(), "bad", rotation.Config{Database: h.pg}); err == nil || strings.Contains(err.Error(), "sesame") {
		t.Errorf("error = %v", err)
	}
}

func TestUnmanagedSecrets(t *testing.T) {
	h := newHouse(t)
	if err := h.Rotate(t.Context(), id); err == nil {
		t.Error("Rotate of a secret that is not managed succeeds")
	}
	if err := h.Manage(t.Context(), id, rotation.Config{}); err == nil {
		t.Error("Manage without a Database succeeds")
	}
	if err := h.Manage(t.Context(), "none", rotation.Config{Database: h.pg}); err == nil {
		t.Error("Manage of an unknown secret succeeds")
	}
}
