package failover

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/elastic/go-freelru"

	"github.com/typedsecret/typedsecret/secret"
)

// The bounds of what is remembered: secrets, and earlier versions of each.
const (
	rememberedSecrets  = 1024
	rememberedVersions = 8
)

var errLags = errors.New("the replica lags")

// newest knows which version each secret had when it was last read, so that a replica
// which lags takes none back.
type newest struct {
	mu    sync.Mutex // guards known and what it holds
	known *freelru.LRU[secret.Ref, *reading]
}

// A reading is what was last read of a secret.
type reading struct {
	version string
	latest  time.Time // when the last of its versions was created, which may be another
	before  []string  // the versions that it replaced, the last ones
}

func newNewest() *newest {
	seed := maphash.MakeSeed()
	known, err := freelru.New[secret.Ref, *reading](rememberedSecrets, func(ref secret.Ref) uint32 {
		return uint32(maphash.Comparable(seed, ref))
	})
	if err != nil {
		panic(err) // only of a size or hash that makes no sense
	}
	return &newest{known: known}
}

// accept says of a value from r that it is from there, and refuses one from a replica
// that was replaced, or was created before the last that is known. In the primary region a
// label may have been moved back.
func (s *Source) accept(ref secret.Ref, v *secret.Value, r *region) error {
	if !r.isPrimary() {
		v.Replica = r.name
	}
	if ref.VersionID != "" {
		return nil
	}
	s.newest.mu.Lock()
	defer s.newest.mu.Unlock()
	last, _ := s.newest.known.Get(ref)
	switch {
	case last == nil:
		last = new(reading)
		s.newest.known.Add(ref, last)
	case !r.isPrimary():
		if err := last.check(v); err != nil {
			return err
		}
	}
	last.note(v)
	return nil
}

// check refuses v, from a replica, if it is older than what is known.
func (l *reading) check(v *secret.Value) error {
	switch {
	case v.VersionID != "" && v.VersionID == l.version:
		return nil // its CreatedDate may be that of the replica
	case slices.Contains(l.before, v.VersionID):
		return fmt.Errorf("%w: %w: its version %s was replaced by %s", secret.ErrUnavailable, errLags, v.VersionID, l.version)
	case v.Created.Before(l.latest):
		return fmt.Errorf("%w: %w: its version was created at %s, and there is one of %s", secret.ErrUnavailable, errLags,
			v.Created.UTC().Format(time.RFC3339), l.latest.UTC().Format(time.RFC3339))
	}
	return nil
}

// note remembers that v is the version now. A value without a version is known by its date.
func (l *reading) note(v *secret.Value) {
	if v.VersionID == "" {
		l.latest = v.Created
		return
	}
	if v.VersionID == l.version {
		return
	}
	if v.Created.After(l.latest) {
		l.latest = v.Created
	}
	l.before = slices.DeleteFunc(l.before, func(version string) bool { return version == v.VersionID })
	if l.version != "" {
		l.before = append(l.before, l.version)
	}
	if len(l.before) > rememberedVersions {
		l.before = slices.Delete(l.before, 0, 1)
	}
	l.version = strings.Clone(v.VersionID) // so that it does not keep the answer alive
}
