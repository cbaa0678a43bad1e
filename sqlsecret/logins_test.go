package sqlsecret_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// A modelLogin is what a random story knows about a login.
type modelLogin struct {
	login        *sqlsecret.Login
	began, ended int    // the times of both; ended is 0 while the login is under way
	version      string // "" before it is read
	number       int    // the story's number when the version was read
	pending      bool
	stood        bool // it was not retired at the end of the login
}

// A story is a random course of rotations and of logins that overlap each other.
type story struct {
	t       *testing.T
	logins  sqlsecret.Logins
	now     int
	current string
	number  int  // counts the versions that became current
	back    bool // AWSCURRENT may be moved back
	all     []*modelLogin
}

func (s *story) begin() *modelLogin {
	s.now++
	l := &modelLogin{login: s.logins.Begin(), began: s.now}
	s.all = append(s.all, l)
	return l
}

func (s *story) readSecret(l *modelLogin, version string) {
	l.version, l.number, l.pending = version, s.number, version != s.current
}

func (s *story) succeed(l *modelLogin) {
	s.now++
	l.ended = s.now
	stage := "AWSCURRENT"
	if l.pending {
		stage = "AWSPENDING"
	}
	l.login.Succeeded(typedsecret.Info{VersionID: l.version, Stages: []string{stage}})
	l.stood = !l.login.Retired()
}

func (s *story) underWay() (open []*modelLogin) {
	for _, l := range s.all {
		if l.ended == 0 {
			open = append(open, l)
		}
	}
	return open
}

// check must hold at every moment. A connection is retired only if a login with another
// version, and not with a pending one, has succeeded since its own login began. That other
// version is newer, unless the connection's version was known to be superseded from the
// start, or AWSCURRENT is moved back.
func (s *story) check() {
	for _, l := range s.all {
		if l.ended == 0 || !l.login.Retired() {
			continue
		}
		proved := slices.ContainsFunc(s.all, func(o *modelLogin) bool {
			return o.version != l.version && !o.pending && o.ended > l.began
		})
		if !proved {
			s.t.Fatalf("a connection of %s was retired before another version proved itself", l.version)
		}
		newer := slices.ContainsFunc(s.all, func(o *modelLogin) bool { return o.number > l.number && !o.pending && o.ended > 0 })
		if l.stood && !l.pending && !s.back && !newer {
			s.t.Fatalf("a connection of %s was retired by an older version", l.version)
		}
	}
}

// settle ends the logins under way, and logs in with the current version until its proof is
// certain. Then each connection of another version is retired, and none of the current one.
func (s *story) settle() {
	for _, l := range s.underWay() {
		if l.version == "" {
			s.readSecret(l, s.current)
		}
		s.succeed(l)
	}
	for range 3 {
		l := s.begin()
		s.readSecret(l, s.current)
		s.succeed(l)
		for _, l := range s.all {
			if l.version != s.current && !l.login.Retired() {
				s.t.Fatalf("a connection of %s is in use, though %s has proved itself", l.version, s.current)
			}
		}
		if l.login.Retired() {
			s.t.Fatal("a connection of the current version was retired: the pool opens new ones for ever")
		}
	}
}

// TestConnectionsAreRetiredOnceANewerVersionProvedItselfAndNotBefore plays random stories.
// Logins begin, read the secret and succeed in any order, while the secret is rotated,
// rotations are cancelled, and AWSCURRENT is moved back.
func TestConnectionsAreRetiredOnceANewerVersionProvedItselfAndNotBefore(t *testing.T) {
	for seed := range uint64(5000) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := &story{t: t, current: "v0", back: seed%2 == 0}
		for range 40 {
			var underWay *modelLogin
			if open := s.underWay(); len(open) > 0 {
				underWay = open[r.IntN(len(open))]
			}
			switch n := r.IntN(12); {
			case n == 0: // a rotation ends, or is undone
				if s.number++; s.back {
					s.number = r.IntN(4)
				}
				s.current = fmt.Sprint("v", s.number)
			case n < 5 || underWay == nil:
				s.begin()
			case underWay.version == "" && n == 5:
				s.readSecret(underWay, "pending")
			case underWay.version == "":
				s.readSecret(underWay, s.current)
			default:
				s.succeed(underWay)
			}
			s.check()
		}
		s.settle()
	}
}
