package typedsecret_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/cache"
	"github.com/typedsecret/typedsecret/secrettest"
	"github.com/typedsecret/typedsecret/status"
)

// The handles are declared above their Set, which Go initialises first.
var (
	inSet  = typedsecret.New[string]("set/there", typedsecret.WithSet(&varSet))
	_      = typedsecret.New[string]("set/missing", typedsecret.WithSet(&varSet))
	varSet typedsecret.Set
)

func TestASetPreloadsItsHandles(t *testing.T) {
	server, c := secrettest.NewCache(t)
	setDefault(t, c)
	server.Seed(t, "set/there", "a")
	server.Seed(t, "elsewhere", "b")
	typedsecret.New[string]("elsewhere")
	err := varSet.Preload(t.Context())
	if err == nil || !strings.Contains(err.Error(), "set/missing") || strings.Contains(err.Error(), "set/there") {
		t.Errorf("one of the two secrets doesn't exist, and the error is %v", err)
	}
	if n := server.CallsFor("elsewhere"); n != 0 {
		t.Error("a handle was preloaded that is in no Set")
	}
	before := server.Calls()
	if v, err := inSet.Get(t.Context()); v != "a" || err != nil || server.Calls() != before {
		t.Errorf("%q, %v, after %d calls", v, err, server.Calls()-before)
	}
	if handles := varSet.Handles(); len(handles) != 2 || handles[0] != inSet {
		t.Errorf("the Set has %v", handles)
	}
}

func TestASetIsSafeForConcurrentUse(t *testing.T) {
	var set typedsecret.Set
	var making sync.WaitGroup
	for range 8 {
		making.Go(func() {
			for range 100 {
				typedsecret.New[string]("k", typedsecret.WithSet(&set))
				set.Handles()
			}
		})
	}
	making.Wait()
	if n := len(set.Handles()); n != 800 {
		t.Errorf("%d handles", n)
	}
}

func TestAnEmptySetAndNone(t *testing.T) {
	var set typedsecret.Set
	if err := set.Preload(t.Context()); err != nil {
		t.Error(err)
	}
	if err := (*typedsecret.Set)(nil).Preload(t.Context()); err != nil {
		t.Error(err)
	}
	if err := typedsecret.New[string]("k", typedsecret.WithSet(nil)).Err(); !errors.Is(err, typedsecret.ErrInvalidConfig) {
		t.Errorf("a nil Set: %v", err)
	}
}

func TestAByIDHasThePrefixAndTheOptionsOfItsSet(t *testing.T) {
	server, c := secrettest.NewCache(t)
	arn := server.Seed(t, "prod/tenant/1", "a")
	set := typedsecret.Set{Prefix: "prod/", Options: []typedsecret.Option{typedsecret.WithCache(c)}}
	byID := typedsecret.NewByID[string](typedsecret.WithSet(&set))
	for _, id := range []string{"tenant/1", "tenant/1", arn} {
		if v, err := byID.Get(t.Context(), id); v != "a" || err != nil {
			t.Errorf("Get of %s: %q, %v", id, v, err)
		}
		if v, err := byID.Secret(id).Get(t.Context()); v != "a" || err != nil {
			t.Errorf("Secret of %s: %q, %v", id, v, err)
		}
	}
	if v, err := byID.Refresh(t.Context(), "tenant/1"); v != "a" || err != nil {
		t.Errorf("Refresh: %q, %v", v, err)
	}
	if len(set.Handles()) != 0 {
		t.Error("the ByID is in the Set")
	}
}

func TestFillMakesTheHandlesOfAStruct(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "prod/db", `{"password":"p","port":1}`)
	arn := server.Seed(t, "elsewhere", "far")
	server.Rotate(t, "elsewhere", "further")
	set := typedsecret.Set{Prefix: "prod/", Options: []typedsecret.Option{typedsecret.WithCache(c)}}
	type inner struct {
		Password *typedsecret.Secret[string] `secret:"db,key=password"`
	}
	var got struct {
		DB *typedsecret.Secret[struct {
			Port int `json:"port"`
		}] `secret:"db"`
		Inner  inner
		Other  *typedsecret.Secret[string] `secret:"-"`
		hidden int
	}
	if err := set.Fill(&got); err != nil {
		t.Fatal(err)
	}
	if got.Other != nil || got.hidden != 0 {
		t.Error("a field was filled that has no tag, or is to be left alone")
	}
	var before struct {
		Far *typedsecret.Secret[string] `secret:"ARN,stage=AWSPREVIOUS"`
	}
	if err := set.Fill(&before); err != nil {
		t.Fatal(err)
	}
	if id := before.Far.ID(); id != "prod/ARN" {
		t.Errorf("the ID is %s", id)
	}
	far := typedsecret.New[string](arn, typedsecret.WithSet(&set), typedsecret.WithStage("AWSPREVIOUS"))
	if v, err := far.Get(t.Context()); v != "far" || err != nil {
		t.Errorf("an ARN gets no prefix: %q, %v", v, err)
	}
	if v, err := got.DB.Get(t.Context()); v.Port != 1 || err != nil {
		t.Errorf("DB: %v, %v", v, err)
	}
	if v, err := got.Inner.Password.Get(t.Context()); v != "p" || err != nil {
		t.Errorf("Password: %q, %v", v, err)
	}
	if n := len(set.Handles()); n != 4 {
		t.Errorf("the Set has %d handles", n)
	}
}

func TestAnOptionOfTheHandleCountsMoreThanOneOfTheSet(t *testing.T) {
	server, c := secrettest.NewCache(t)
	server.Seed(t, "k", "one")
	server.Rotate(t, "k", "two")
	set := typedsecret.Set{Options: []typedsecret.Option{
		typedsecret.WithCache(c), typedsecret.WithStage("AWSPREVIOUS"),
	}}
	for stage, want := range map[string]string{"AWSPREVIOUS": "one", "AWSCURRENT": "two"} {
		handle := typedsecret.New[string]("k", typedsecret.WithStage(stage), typedsecret.WithSet(&set))
		if v, err := handle.Get(t.Context()); v != want || err != nil {
			t.Errorf("%s: %q, %v", stage, v, err)
		}
	}
}

func TestFillNamesTheFieldThatIsWrong(t *testing.T) {
	type s = typedsecret.Secret[string]
	for what, test := range map[string]struct {
		into any
		says string
	}{
		"no pointer": {struct{}{}, "pointer to a struct, not a struct {}"},
		"nil":        {nil, "not a <nil>"},
		"another type": {&struct {
			A string `secret:"a"`
		}{}, "field A: it is a string; a field with the tag must be a *typedsecret.Secret"},
		"no pointer field": {&struct {
			A s `secret:"a"`
		}{}, "field A: it is a typedsecret.Secret[string]"},
		"unexported": {&struct {
			a *s `secret:"a"`
		}{}, "field a: it is unexported"},
		"no name": {&struct {
			A *s `secret:""`
		}{}, "field A: the tag has no name"},
		"unknown option": {&struct {
			A *s `secret:"a,stages=x"`
		}{}, `field A: the tag's option "stages" is not known; the known are stage, version and key`},
		"option twice": {&struct {
			A *s `secret:"a,stage=x,stage=y"`
		}{}, `field A: the tag's option "stage" is given twice`},
		"empty option": {&struct {
			A *s `secret:"a,stage="`
		}{}, "field A: secret a: invalid configuration: the version stage is empty"},
		"tag twice": {reflect.New(reflect.StructOf([]reflect.StructField{{
			Name: "A", Type: reflect.TypeFor[*s](), Tag: `secret:"a" secret:"b"`,
		}})).Interface(), "field A: it has the tag twice"},
		"no tag": {&struct{ A *s }{}, `field A: it has no tag; write secret:"prod/db", or secret:"-"`},
		"bad ID": {&struct {
			A *s `secret:"arn:x"`
		}{}, "field A: secret arn:x"},
		"T does not decode": {&struct {
			A *typedsecret.Secret[chan int] `secret:"a"`
		}{}, "field A: "},
		"in a struct within": {&struct {
			B struct {
				A int `secret:"a"`
			}
		}{}, "field B.A: "},
		"filled already": {&struct {
			A *s `secret:"a"`
		}{typedsecret.New[string]("b")}, "field A: it has a handle already"},
	} {
		var set typedsecret.Set
		err := set.Fill(test.into)
		if err == nil || !strings.Contains(err.Error(), test.says) || len(set.Handles()) != 0 {
			t.Errorf("%s: %v", what, err)
		}
	}
	var set typedsecret.Set
	two := struct {
		A *s  `secret:"a"`
		B int `secret:"b"`
		C int `secret:"c"`
	}{}
	if err := set.Fill(&two); err == nil || !strings.Contains(err.Error(), "field B") || !strings.Contains(err.Error(), "field C") || two.A != nil {
		t.Errorf("two at once: %v", err)
	}
	nested := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithSet(&set)}}
	if err := nested.Fill(&struct{}{}); !errors.Is(err, typedsecret.ErrInvalidConfig) {
		t.Errorf("a Set in a Set: %v", err)
	}
	if err := typedsecret.New[string]("k", typedsecret.WithSet(&nested)).Err(); !errors.Is(err, typedsecret.ErrInvalidConfig) {
		t.Errorf("a Set in a Set, by New: %v", err)
	}
}

func TestReadySaysWhichHandlesAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "a", "1")
		server.Seed(t, "b", "x")
		set := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
		a := typedsecret.New[int]("a", typedsecret.WithSet(&set))
		typedsecret.New[int]("b", typedsecret.WithSet(&set))
		typedsecret.New[int]("never", typedsecret.WithSet(&set))
		if _, err := a.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = set.Preload(t.Context())
		typedsecret.New[int]("unread", typedsecret.WithSet(&set))
		calls := server.Calls()
		err := set.Ready(0)
		if !errors.Is(err, typedsecret.ErrNotFound) {
			t.Error(err)
		}
		for _, says := range []string{"secret b@AWSCURRENT: not ready: no version decodes", "secret never: not ready: its first fetch failed: secret not found", "secret unread: not ready: it was never read"} {
			if err == nil || !strings.Contains(err.Error(), says) {
				t.Errorf("%q is not in %v", says, err)
			}
		}
		if strings.Contains(err.Error(), "secret a") || server.Calls() != calls {
			t.Errorf("%d calls; %v", server.Calls()-calls, err)
		}
	})
}

func TestReadyInAnOutageUpToTheBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t)
		server.Seed(t, "a", "1")
		set := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
		a := typedsecret.New[int]("a", typedsecret.WithSet(&set))
		if err := set.Preload(t.Context()); err != nil {
			t.Fatal(err)
		}
		server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		time.Sleep(2 * time.Hour)
		if _, err := a.Get(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(set.Ready(0), set.Ready(3*time.Hour)); err != nil {
			t.Error(err)
		}
		err := set.Ready(90 * time.Minute)
		if !errors.Is(err, typedsecret.ErrUnavailable) || !strings.Contains(err.Error(), "its value is 2h0m") {
			t.Errorf("too old: %v", err)
		}
		for bound, want := range map[time.Duration]int{0: http.StatusOK, time.Minute: http.StatusServiceUnavailable} {
			w := httptest.NewRecorder()
			set.ReadyHandler(bound).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if w.Code != want {
				t.Errorf("%v: %d %s", bound, w.Code, w.Body)
			}
		}
	})
}

// TestTheStatusFollowsASecret through its life, in the cache and in the handle.
func TestTheStatusFollowsASecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, c := secrettest.NewCache(t, cache.Config{NoRefreshAhead: true})
		handle := typedsecret.New[int]("a", typedsecret.WithCache(c))
		want := func(when string, state status.State, check func(h status.Handle) bool) {
			t.Helper()
			h := handle.Status()
			if h.State != state || !check(h) {
				t.Errorf("%s: %+v", when, h)
			}
			for _, s := range c.Status().Secrets {
				if s.ID == "a" && s.State != state {
					t.Errorf("%s, by the cache: %+v", when, s)
				}
			}
		}
		want("new", status.Absent, func(h status.Handle) bool { return h.Type == "int" && h.ID == "a" && !h.Decoded })
		_, _ = handle.Get(t.Context())
		want("missing", status.Refused, func(h status.Handle) bool {
			return h.Class == "not_found" && h.Failures == 1 && h.NextFetch.After(time.Now())
		})
		server.Seed(t, "a", "1")
		time.Sleep(time.Minute)
		_, _ = handle.Get(t.Context())
		want("there", status.Fresh, func(h status.Handle) bool {
			return h.Error == "" && h.Decoded && h.Version == h.DecodedVersion && h.HasHandle && h.Fetched.Equal(time.Now()) && h.NextFetch.Equal(time.Now().Add(time.Hour))
		})
		server.Rotate(t, "a", "x")
		_, _ = handle.Refresh(t.Context())
		want("undecodable", status.Fresh, func(h status.Handle) bool {
			return h.UndecodableVersion == h.Version && h.DecodedVersion != h.Version && strings.Contains(h.DecodeError, "int")
		})
		server.Fail(t, secrettest.Fault{Effect: secrettest.InternalError()})
		time.Sleep(2 * time.Hour)
		_, _ = handle.Get(t.Context())
		want("outage", status.Stale, func(h status.Handle) bool {
			return h.Class == "unavailable" && h.AgeSeconds > 7000 && h.Since.Equal(h.Fetched.Add(time.Hour))
		})
		s := c.Status()
		if s.Fetches != 2 || s.Source != "*awssm.Source" || len(s.Secrets) != 1 || s.MaxSize != 1024 {
			t.Errorf("%+v", s)
		}
		c.Close()
		if s := c.Status(); !s.Closed || len(s.Secrets) != 0 {
			t.Errorf("closed: %+v", s)
		}
	})
}

func TestTheStatusAsJSONHoldsNoSecret(t *testing.T) {
	const hidden = "hunter2-Tr0ub4dor"
	server, c := secrettest.NewCache(t)
	server.Seed(t, "a", `{"password":"`+hidden+`","port":"`+hidden+`"}`)
	var set typedsecret.Set
	handle := typedsecret.New[struct {
		Password string `json:"password"`
		Port     int    `json:"port"`
	}]("a", typedsecret.WithCache(c), typedsecret.WithSet(&set))
	_, _ = handle.Get(t.Context())
	text, err := json.Marshal([]any{c.Status(), set.Status(), handle.Status()})
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(hidden) - 3 {
		if strings.Contains(string(text), hidden[i:i+4]) {
			t.Fatalf("%q is in %s", hidden[i:i+4], text)
		}
	}
	if !strings.Contains(string(text), `"undecodable_version":`) || !strings.Contains(string(text), `"state":"fresh"`) {
		t.Errorf("%s", text)
	}
	if s := (&typedsecret.Secret[int]{}).Status(); s.Misuse == "" {
		t.Errorf("%+v", s)
	}
	if s := (*cache.Cache)(nil).Status(); !s.Closed {
		t.Errorf("%+v", s)
	}
}

// TestAHandleThatNobodyReadsIsReadyAgain since Ready has it refreshed, or since another handle
// was read: a service that gets no requests before it is ready would never be.
func TestAHandleThatNobodyReadsIsReadyAgain(t *testing.T) {
	for _, isOtherRead := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			server, c := secrettest.NewCache(t)
			server.Seed(t, "a", "1")
			set := typedsecret.Set{Options: []typedsecret.Option{typedsecret.WithCache(c)}}
			typedsecret.New[int]("a", typedsecret.WithSet(&set))
			if err := set.Preload(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Hour)
			if isOtherRead {
				_, _ = typedsecret.New[string]("a", typedsecret.WithCache(c)).Get(t.Context())
			} else if err := set.Ready(2 * time.Hour); err == nil {
				t.Error("ready with a value of 3 h")
			}
			synctest.Wait()
			if err := set.Ready(2 * time.Hour); err != nil {
				t.Errorf("another handle was read: %t; %v", isOtherRead, err)
			}
		})
	}
}
