package failover

import (
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/elastic/go-freelru"

	"github.com/typedsecret/typedsecret/cache"
)

// remembered is of how many secrets it is known how new a version there was.
const remembered = 1024

var errLags = errors.New("the replica lags")

// newest knows when the newest version of each secret that was returned was created.
type newest struct {
	mu      sync.Mutex // guards created
	created *freelru.LRU[cache.Ref, time.Time]
}

func newNewest() *newest {
	seed := maphash.MakeSeed()
	created, err := freelru.New[cache.Ref, time.Time](remembered, func(ref cache.Ref) uint32 {
		return uint32(maphash.Comparable(seed, ref))
	})
	if err != nil {
		panic(err) // only of a size or hash that makes no sense
	}
	return &newest{created: created}
}

// accept says of a value from r that it is, and refuses one from a replica that is older
// than what there was. In the primary region a label may have been moved back.
func (s *Source) accept(ref cache.Ref, v *cache.Value, r *region) error {
	if !r.primary {
		v.Replica = r.name
	}
	if ref.VersionID != "" {
		return nil
	}
	s.newest.mu.Lock()
	defer s.newest.mu.Unlock()
	known, _ := s.newest.created.Get(ref)
	if !r.primary && v.Created.Before(known) {
		return fmt.Errorf("%w: %w: its version was created at %s, and there is one of %s", cache.ErrUnavailable, errLags,
			v.Created.UTC().Format(time.RFC3339), known.UTC().Format(time.RFC3339))
	}
	s.newest.created.Add(ref, v.Created)
	return nil
}
