package secrettest_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/typedsecret/typedsecret/secrettest"
)

func TestEachMoveOfALabelIsAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		var got []string
		s.OnEvent(func(_ context.Context, e secrettest.Event) error {
			got = append(got, e.Detail.Name+" "+e.Detail.LabelUpdated+" "+e.Detail.VersionID)
			return nil
		})
		want := func(what string, events ...string) {
			t.Helper()
			synctest.Wait()
			if strings.Join(got, ", ") != strings.Join(events, ", ") {
				t.Errorf("%s: events %q, want %q", what, got, events)
			}
			got = nil
		}
		create(t, c, "s", "one")
		want("created", "s AWSCURRENT "+v1)
		put(t, c, "s", v2, "two", "AWSPENDING", "blue")
		want("pending", "s blue "+v2)
		move(t, c, "s", "AWSCURRENT", v1, v2)
		want("current", "s AWSCURRENT "+v2)
		move(t, c, "s", "blue", v2, v1)
		want("a label of one's own", "s blue "+v1)
		move(t, c, "s", "blue", v1, "")
		want("taken off: no version has it")
		move(t, c, "s", "AWSCURRENT", v2, v2)
		want("there already")
		put(t, c, "s", v1, "one")
		want("put once more")
		if _, err := c.UpdateSecret(ctx, &secretsmanager.UpdateSecretInput{SecretId: aws.String("s"), Description: aws.String("d")}); err != nil {
			t.Fatal(err)
		}
		want("described")
		id := s.Rotate(t, "s", "three")
		want("by the package's own call", "s AWSCURRENT "+id)
		s.OnEvent(nil)
		s.Rotate(t, "s", "four")
		want("not received")
	})
}

// TestAnEventIsWhatEventBridgeDelivers compares with the example of the user guide
// ("Secret Label Updated event").
func TestAnEventIsWhatEventBridgeDelivers(t *testing.T) {
	s, err := secrettest.Start(secrettest.Config{Region: "us-west-2", Account: "012345678901"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetNow(func() time.Time { return time.Date(2024, 2, 6, 17, 43, 48, 999, time.FixedZone("CET", 3600)) })
	events := make(chan secrettest.Event, 1)
	s.OnEvent(func(_ context.Context, e secrettest.Event) error {
		events <- e
		return nil
	})
	arn := s.Seed(t, "mySecret", "one")
	e := <-events
	if len(e.ID) != 36 {
		t.Errorf("id = %s", e.ID)
	}
	got, err := json.Marshal(e)
	want := `{"version":"0","id":"` + e.ID + `","detail-type":"Secret Label Updated","source":"aws.secretsmanager",` +
		`"account":"012345678901","time":"2024-02-06T16:43:48Z","region":"us-west-2","resources":["` + arn + `"],` +
		`"detail":{"name":"mySecret","labelUpdated":"AWSCURRENT","versionId":"` + e.Detail.VersionID + `"}}`
	if err != nil || string(got) != want {
		t.Errorf("event %s, %v\nwant  %s", got, err, want)
	}
}

func TestAnEventIsDeliveredAgainAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		start := time.Now()
		var got []string
		s.OnEvent(func(_ context.Context, e secrettest.Event) error {
			got = append(got, e.Detail.Name+" "+time.Since(start).String())
			switch {
			case strings.HasPrefix(e.Detail.Name, "lost"):
				return errors.New("never")
			case e.Detail.Name == "late" && len(got) < 5:
				return errors.New("not yet")
			case e.Detail.Name == "fatal":
				runtime.Goexit() // as t.FailNow does
			}
			return nil
		})
		for _, name := range []string{"lost", "late", "fatal", "good"} {
			s.Seed(t, name, "v")
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		want := "lost 0s, lost 1s, lost 2s, late 2s, late 3s, fatal 3s, good 3s"
		if strings.Join(got, ", ") != want {
			t.Errorf("deliveries %q, want %s", got, want)
		}
		s.Seed(t, "lost-in-the-end", "v")
		s.Close() // ends the tries of an event
	})
}

func TestAnEventsReceiverMayUseTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := secrettest.New(t)
		c := memory(s)
		seen := 0
		s.OnEvent(func(_ context.Context, e secrettest.Event) error {
			seen++
			if e.Detail.Name == "first" {
				s.Seed(t, "second", "v") // its event comes next
			}
			return get(ctx, c, e.Detail.Name)
		})
		s.Seed(t, "first", "v")
		synctest.Wait()
		if seen != 2 || s.Calls("GetSecretValue") != 2 {
			t.Errorf("%d events, %d reads", seen, s.Calls("GetSecretValue"))
		}
	})
}
