package pushed_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/typedsecret/typedsecret/integration/pushed"
)

// servers are those of all tests. A test that restarts one is the only one that uses it.
var servers pushed.Servers

func TestMain(m *testing.M) {
	status := m.Run()
	if err := servers.Close(); err != nil {
		panic(errors.Join(errors.New("a server does not end"), err))
	}
	os.Exit(status)
}

// few are enough rotations for a test. An outage is in the middle of twenty.
const few = 10

// play plays a scenario in which each process must see each rotation.
func play(t *testing.T, s pushed.Scenario, rotations int) pushed.Result {
	t.Helper()
	r, err := pushed.Run(t.Context(), s, &servers, rotations)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("p50 %v, longest %v; %d lost, %d found; %d fetches", r.Percentile(0.5), r.Percentile(1), r.Lost, r.Found, r.Fetches)
	if want := rotations * s.Processes; r.Rotations != rotations || r.Unseen > 0 || len(r.Staleness) != want {
		t.Errorf("%d rotations, seen %d times and %d times not, want %d times", r.Rotations, len(r.Staleness), r.Unseen, want)
	}
	return r
}

// calm plays a scenario in which nothing fails: each event comes, and costs one fetch.
func calm(t *testing.T, s pushed.Scenario, rotations int) {
	t.Run(s.Name, func(t *testing.T) {
		r := play(t, s, rotations)
		if want := rotations * s.Processes; r.Lost > 0 || r.Fetches != want {
			t.Errorf("%d events were lost, and there were %d fetches, want %d", r.Lost, r.Fetches, want)
		}
	})
}

// named returns one of the scenarios.
func named(t *testing.T, name string) pushed.Scenario {
	t.Helper()
	for _, s := range pushed.Scenarios() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no scenario is called %q", name)
	return pushed.Scenario{}
}

func TestEachProcessSeesARotationOverSQS(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"EventBridge → SQS (moto)", "SNS → SQS (moto)", "SQS (ElasticMQ)", "HTTP post to a Handler", "a call of HandleEvent"} {
		calm(t, named(t, name), few)
	}
}

func TestEachProcessSeesARotationOverNATS(t *testing.T) {
	t.Parallel()
	seesRotations(t, "NATS")
}

func TestEachProcessSeesARotationOverRedis(t *testing.T) {
	t.Parallel()
	seesRotations(t, "Redis")
}

// seesRotations tests a carrier that keeps nothing, and a relay before it.
func seesRotations(t *testing.T, server string) {
	calm(t, named(t, server), few)
	calm(t, named(t, "EventBridge → SQS → relay → "+server), few)
	for _, name := range []string{server + ", restarted", "relay → " + server + ", " + server + " restarted", "relay → " + server + ", relay killed"} {
		s := named(t, name)
		t.Run(name, func(t *testing.T) {
			r := play(t, s, 20)
			if r.Lost != r.Found {
				t.Errorf("%d events were lost, and %d rotations found without one", r.Lost, r.Found)
			}
			if most := 20 * (s.Processes + r.Missed); r.Fetches > most {
				t.Errorf("%d fetches, want %d at most, with %d times that events were missed", r.Fetches, most, r.Missed)
			}
			if isLossy := !strings.HasPrefix(name, "relay"); isLossy && r.Found < 5*s.Processes {
				t.Errorf("%d rotations were found, of %d that nobody heard of", r.Found, 5*s.Processes)
			}
		})
	}
	many := named(t, server+", 200 processes at once")
	many.Spread = 500 * time.Millisecond
	calm(t, many, 4)
}
