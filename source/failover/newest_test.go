package failover_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"
	"weak"

	"github.com/typedsecret/typedsecret/secret"
	"github.com/typedsecret/typedsecret/source/failover"
)

// Between what was there before and what was rolled back there may be one that was never
// read here.
func TestAReplicaBringsNoVersionFromBeforeOneThatWasReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		for _, step := range []struct {
			version string
			age     time.Duration
		}{{"good", 3 * time.Hour}, {"bad", time.Hour}, {"good", 3 * time.Hour}} {
			first.set(func() { first.version, first.created = step.version, time.Now().Add(-step.age) })
			if _, err := within(t, source); err != nil {
				t.Error(err)
			}
		}
		first.set(func() { first.err = secret.ErrUnavailable })
		second.set(func() { second.version, second.created = "between", time.Now().Add(-2*time.Hour) })
		if v, err := within(t, source); !errors.Is(err, secret.ErrUnavailable) {
			t.Errorf("%+v, %v", v, err)
		}
		second.set(func() { second.version, second.created = "good", time.Now().Add(-3*time.Hour) })
		if v, err := within(t, source); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// The CreatedDate of a replica may be that of the replication.
func TestADateOfTheSameVersionInAReplicaChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		first, second, third := &scripted{version: "one", created: now}, &scripted{version: "one", created: now.Add(time.Hour)}, &scripted{version: "two", created: now.Add(time.Minute)}
		source := open(t, failover.Region{Name: "a", Source: first}, failover.Region{Name: "b", Source: second}, failover.Region{Name: "c", Source: third})
		for _, step := range []struct {
			down *scripted
			want string
		}{{nil, ""}, {first, "b"}, {second, "c"}} {
			if step.down != nil {
				step.down.set(func() { step.down.err = secret.ErrUnavailable })
			}
			if v, err := within(t, source); err != nil || v.Replica != step.want {
				t.Errorf("%+v, %v", v, err)
			}
		}
	})
}

// A version from before has the date of today where it was replicated today.
func TestTheLastEightVersionsThatWereReplacedAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		read := func(version string) {
			first.set(func() { first.version, first.err = version, nil })
			if _, err := within(t, source); err != nil {
				t.Error(err)
			}
			first.set(func() { first.err = secret.ErrUnavailable })
		}
		isRefused := func(version string) bool {
			second.set(func() { second.version = version })
			_, err := within(t, source)
			return errors.Is(err, secret.ErrUnavailable)
		}
		read("v0")
		if isRefused("") {
			t.Error("a replica that names no version lags")
		}
		for range 10 { // which are two
			read("v1")
			read("v2")
		}
		for i := 3; i <= 8; i++ {
			read(fmt.Sprint("v", i))
		}
		for i := range 8 {
			if !isRefused(fmt.Sprint("v", i)) {
				t.Errorf("v%d is taken for new", i)
			}
		}
		read("v9")
		if isRefused("v0") {
			t.Error("v0 is not forgotten")
		}
	})
}

func TestTheVersionsOf1024SecretsAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		for _, version := range []string{"v1", "v2"} {
			first.set(func() { first.version = version })
			for i := range 1024 {
				if _, err := source.Fetch(t.Context(), secret.Ref{ID: fmt.Sprint(i)}); err != nil {
					t.Error(err)
				}
			}
		}
		first.set(func() { first.err = secret.ErrUnavailable })
		second.set(func() { second.version = "v1" })
		for i := range 1024 {
			if v, err := source.Fetch(t.Context(), secret.Ref{ID: fmt.Sprint(i)}); !errors.Is(err, secret.ErrUnavailable) {
				t.Errorf("%d: %+v, %v", i, v, err)
			}
		}
	})
}

// It never changes.
func TestAVersionThatIsAskedForByItsIDDoesNotLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second, source := two(t)
		ref := secret.Ref{ID: "db", VersionID: "0123456789abcdef0123456789abcdef"}
		first.set(func() { first.created = time.Now() })
		if _, err := source.Fetch(t.Context(), ref); err != nil {
			t.Error(err)
		}
		first.set(func() { first.err = secret.ErrUnavailable })
		second.set(func() { second.created = time.Now().Add(-time.Hour) })
		if v, err := source.Fetch(t.Context(), ref); err != nil || v.Replica != "b" {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// A Value's strings may be parts of the whole answer.
func TestWhatIsRememberedKeepsNoAnswerAlive(t *testing.T) {
	first, _, source := two(t)
	var answers [2]weak.Pointer[[1 << 20]byte]
	for i := range answers {
		answer := new([1 << 20]byte)
		copy(answer[:], strings.Repeat(fmt.Sprint(i), 36))
		answers[i] = weak.Make(answer)
		first.set(func() { first.version = unsafe.String(&answer[0], 36) })
		if _, err := source.Fetch(t.Context(), secret.Ref{ID: "db"}); err != nil {
			t.Error(err)
		}
	}
	first.set(func() { first.version = "" })
	runtime.GC()
	for i := range answers {
		if answers[i].Value() != nil {
			t.Errorf("answer %d is still in memory", i)
		}
	}
	runtime.KeepAlive(source)
}
