package secrettest_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/typedsecret/typedsecret/secrettest"
)

func rotate(c *secretsmanager.Client, token string) error {
	_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
		SecretId: aws.String("s"), ClientRequestToken: &token,
		RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotate"),
		RotationRules:     &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
	})
	return err
}

func TestRotationNeedsAFunction(t *testing.T) {
	c := client(t, secrettest.New(t))
	create(t, c, "s", "one")
	_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{SecretId: aws.String("s")})
	wantError(t, err, "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret.")
}

// nothing is a rotation function that does nothing.
func nothing(context.Context, secrettest.RotationStep) error { return nil }

func TestRotationByHand(t *testing.T) {
	s := secrettest.New(t)
	s.OnRotate(nothing)
	c := client(t, s)
	create(t, c, "s", "one")
	if err := rotate(c, v2); err != nil {
		t.Fatal(err)
	}
	// The service announces the version before the function makes it.
	wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
	_, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String("s"), VersionStage: aws.String("AWSPENDING")})
	wantError(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSPENDING")
	wantError(t, rotate(c, v3), "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
	put(t, c, "s", v2, "two", "AWSPENDING")
	move(t, c, "s", "AWSCURRENT", v1, v2)
	wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING"}})
	if err := rotate(c, v3); err != nil {
		t.Errorf("the next rotation: %v", err)
	}
	if _, err := c.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
	if err != nil || *d.RotationEnabled || *d.RotationRules.AutomaticallyAfterDays != 30 {
		t.Errorf("DescribeSecret = %+v, %v", d, err)
	}
}

// TestARotationFunctionMayEndItsGoroutine, as it does by t.FailNow.
func TestARotationFunctionMayEndItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		runs := 0
		s.OnRotate(func(context.Context, secrettest.RotationStep) error {
			runs++
			runtime.Goexit()
			return nil
		})
		if err := rotate(c, v2); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		wantError(t, rotate(c, v3), "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted.")
		synctest.Wait()
		if runs != 2 {
			t.Errorf("%d runs of the rotation function, want 2", runs)
		}
	})
}

func TestRotationFunctionDoesTheFourSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		var steps []string
		fail := true
		s.OnRotate(func(ctx context.Context, step secrettest.RotationStep) error {
			steps = append(steps, step.Step)
			time.Sleep(time.Second)
			switch step.Step {
			case "createSecret":
				put(t, c, step.SecretID, step.ClientRequestToken, "two", "AWSPENDING")
			case "testSecret":
				if fail {
					return errors.New("refused")
				}
			case "finishSecret":
				move(t, c, step.SecretID, "AWSCURRENT", v1, step.ClientRequestToken)
			}
			return nil
		})
		if err := rotate(c, v2); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(steps, " "); got != "createSecret setSecret testSecret" {
			t.Errorf("steps = %s", got)
		}
		fail, steps = false, nil
		wantError(t, rotate(c, v3), "InvalidRequestException", "") // the earlier rotation is tried again
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := strings.Join(steps, " "); got != "createSecret setSecret testSecret finishSecret" {
			t.Errorf("steps = %s", got)
		}
		d, err := c.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: aws.String("s")})
		if err != nil || d.LastRotatedDate == nil || d.NextRotationDate == nil || d.NextRotationDate.Sub(*d.LastRotatedDate) != 30*24*time.Hour {
			t.Errorf("DescribeSecret = %+v, %v", d, err)
		}
		if err := get(ctx, c, "s"); err != nil {
			t.Error(err)
		}
	})
}

func TestCloseEndsARotation(t *testing.T) {
	s := secrettest.New(t)
	c := memory(s)
	create(t, c, "s", "one")
	started, ended := make(chan bool), false
	s.OnRotate(func(ctx context.Context, _ secrettest.RotationStep) error {
		close(started)
		<-ctx.Done()
		ended = true
		return ctx.Err()
	})
	if err := rotate(c, v2); err != nil {
		t.Fatal(err)
	}
	<-started
	s.Close()
	if !ended {
		t.Error("Close did not wait for the rotation")
	}
}

// TestRotationAskedForWhileTheFunctionEndsIsCarriedOut: after finishSecret the next
// rotation may be requested, although the function has not returned yet.
func TestRotationAskedForWhileTheFunctionEndsIsCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		second := make(chan string, 4)
		s.OnRotate(func(_ context.Context, step secrettest.RotationStep) error {
			switch {
			case step.ClientRequestToken == v3:
				second <- step.Step
			case step.Step == "finishSecret":
				put(t, c, "s", v2, "two", "AWSPENDING")
				move(t, c, "s", "AWSCURRENT", v1, v2)
				return rotate(c, v3)
			}
			return nil
		})
		if err := rotate(c, v2); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"createSecret", "setSecret", "testSecret", "finishSecret"} {
			select {
			case got := <-second:
				if got != want {
					t.Errorf("the second rotation has the step %s, want %s", got, want)
				}
			case <-time.After(time.Minute):
				t.Fatal("the second rotation was announced and never carried out")
			}
		}
	})
}

func TestAFunctionThatDoesNotExistSetsNothing(t *testing.T) {
	const (
		refused = "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com."
		mine    = "arn:aws:lambda:us-east-1:123456789012:function:mine"
		none    = "arn:aws:lambda:us-east-1:123456789012:function:none"
	)
	s := secrettest.New(t)
	c := client(t, s)
	create(t, c, "s", "one")
	ask := func(arn string, immediately bool) error {
		_, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
			SecretId: aws.String("s"), RotationLambdaARN: &arn, RotateImmediately: &immediately,
			RotationRules: &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
		})
		return err
	}
	wantNothing := func() {
		t.Helper()
		if d := describe(t, c, "s"); d.RotationEnabled != nil || d.RotationLambdaARN != nil || d.RotationRules != nil || len(d.VersionIdsToStages) != 1 {
			t.Errorf("DescribeSecret = %+v", d)
		}
	}
	wantError(t, ask(mine, true), "AccessDeniedException", refused) // no function is set
	wantNothing()
	s.OnRotate(nothing, mine)
	wantError(t, ask(none, true), "AccessDeniedException", refused)
	wantError(t, ask(none, false), "AccessDeniedException", refused)
	wantNothing()
	if err := ask(mine, false); err != nil {
		t.Fatal(err)
	}
	wantError(t, ask(none, false), "AccessDeniedException", refused)
	if d := describe(t, c, "s"); *d.RotationLambdaARN != mine {
		t.Errorf("the function is %s", *d.RotationLambdaARN)
	}
	s.OnRotate(nil, mine)
	wantError(t, ask(mine, true), "AccessDeniedException", refused)
	s.OnRotate(nothing)
	if err := ask(none, false); err != nil {
		t.Errorf("with a function for all: %v", err)
	}
}

// TestALaterRotationIsTestedFirst: RotateImmediately=false runs testSecret on a version
// that exists only during the step.
func TestALaterRotationIsTestedFirst(t *testing.T) {
	for _, fails := range []bool{false, true} {
		s := secrettest.New(t)
		c := client(t, s)
		create(t, c, "s", "one")
		var steps []string
		s.OnRotate(func(ctx context.Context, step secrettest.RotationStep) error {
			steps = append(steps, step.Step)
			wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
			out, err := c.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
				SecretId: &step.SecretID, VersionId: &step.ClientRequestToken, VersionStage: aws.String("AWSPENDING"),
			})
			if err != nil || *out.SecretString != "one" {
				t.Errorf("AWSPENDING is %v, %v", out, err)
			}
			if fails {
				return errors.New("no login")
			}
			return nil
		})
		out, err := c.RotateSecret(ctx, &secretsmanager.RotateSecretInput{
			SecretId: aws.String("s"), ClientRequestToken: aws.String(v2), RotateImmediately: aws.Bool(false),
			RotationLambdaARN: aws.String("arn:aws:lambda:us-east-1:123456789012:function:rotate"),
			RotationRules:     &types.RotationRulesType{AutomaticallyAfterDays: aws.Int64(30)},
		})
		if err != nil || out.VersionId != nil {
			t.Errorf("RotateSecret = %+v, %v", out, err)
		}
		if got := strings.Join(steps, " "); got != "testSecret" {
			t.Errorf("steps = %s", got)
		}
		if ids := allVersions(t, c, "s"); len(ids) != 1 {
			t.Errorf("versions = %v", ids)
		}
		d := describe(t, c, "s")
		if !*d.RotationEnabled || d.LastRotatedDate != nil || d.NextRotationDate == nil {
			t.Errorf("DescribeSecret = %+v", d)
		}
	}
}

func TestCancelRotateSecretEndsARotationUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		create(t, c, "s", "one")
		var steps []string
		stubborn := true
		s.OnRotate(func(ctx context.Context, step secrettest.RotationStep) error {
			steps = append(steps, step.Step)
			switch step.Step {
			case "createSecret":
				put(t, c, step.SecretID, step.ClientRequestToken, "two", "AWSPENDING")
			case "setSecret":
				time.Sleep(time.Minute)
				if !stubborn {
					return nil
				}
				if ctx.Err() == nil {
					t.Error("the function's context has not ended")
				} // returns no error, but no step follows
			case "finishSecret":
				move(t, c, step.SecretID, "AWSCURRENT", v1, step.ClientRequestToken)
			}
			return nil
		})
		if err := rotate(c, v2); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		out, err := c.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("s")})
		if err != nil || *out.VersionId != v2 {
			t.Fatalf("CancelRotateSecret = %+v, %v", out, err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := strings.Join(steps, " "); got != "createSecret setSecret" {
			t.Errorf("steps = %s", got)
		}
		wantStages(t, c, "s", map[string][]string{v1: {"AWSCURRENT"}, v2: {"AWSPENDING"}})
		if d := describe(t, c, "s"); *d.RotationEnabled || d.LastRotatedDate != nil {
			t.Errorf("DescribeSecret = %+v", d)
		}

		// The rotation is tried again when rotation is turned on again, also while the
		// cancelled function is still running.
		stubborn, steps = false, nil
		wantError(t, rotate(c, v3), "InvalidRequestException", "")
		synctest.Wait()
		if _, err := c.CancelRotateSecret(ctx, &secretsmanager.CancelRotateSecretInput{SecretId: aws.String("s")}); err != nil {
			t.Fatal(err)
		}
		wantError(t, rotate(c, v3), "InvalidRequestException", "")
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := strings.Join(steps, " "); got != "createSecret setSecret createSecret setSecret testSecret finishSecret" {
			t.Errorf("steps = %s", got)
		}
		wantStages(t, c, "s", map[string][]string{v1: {"AWSPREVIOUS"}, v2: {"AWSCURRENT", "AWSPENDING"}})
	})
}
