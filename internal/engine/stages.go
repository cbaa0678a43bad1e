package engine

import (
	"maps"
	"slices"
	"strings"
	"time"
	"weak"
)

// moveStages expires the other stages of a secret of which one has moved to another version,
// under each spelling of its ID: Secrets Manager moves AWSCURRENT and AWSPREVIOUS in one
// step. It also ends what the source has refused of them, since it may be there now, and expires
// what is being fetched, which may have been read before the move. Pinned versions are left
// alone. Called with mu held, for a fetch f that brought s in place of
// the version from.
//
// If s was fetched because another stage had moved, that stage may have moved once more since.
// There is no need to look only if s is AWSPREVIOUS, and is what AWSCURRENT was until a second
// ago at most.
func (c *Cache) moveStages(s *Snapshot, f *fetch, from string) {
	ref, v := s.Ref(), s.details.value(s.entry.id())
	if ref.VersionID != "" || ref.Stage != DefaultStage && ref.Stage != previousStage {
		return
	}
	isOther := func(e *Entry) bool {
		if e == nil || e.ref().Stage == ref.Stage {
			return false
		}
		if ref.Stage != previousStage || !f.invalidation.isMove || f.invalidation.from != v.VersionID || e.inFlight() != nil {
			return true
		}
		at := e.snap.Load()
		return at != nil && (at.VersionID() == v.VersionID || f.began.since(at.at) > time.Second)
	}
	ids := spellings(ref.ID, v)
	for _, id := range ids {
		if e := c.known(c.resolve(Ref{ID: id})); isOther(e) {
			c.move(e, from)
		}
	}
	for held := range c.staged {
		if e := held.Value(); isOther(e) && isSame(e, ids, v) {
			c.move(e, from)
		}
	}
}

// arnSuffix is the length of what an ARN has behind the name: a hyphen and six characters.
const arnSuffix = 7

const previousStage = "AWSPREVIOUS"

// move expires e because another stage of its secret, which had the version from, has moved.
func (c *Cache) move(e *Entry, from string) {
	if e.snap.Load() != nil || e.inFlight() != nil || e.failure() != nil {
		e.invalidate(c.now(), invalidation{isMove: true, from: from})
		c.notify(e.key)
	}
}

// spellings returns the IDs by which a secret may be asked for.
func spellings(id string, v Value) []string {
	ids := []string{id, v.Name, v.ARN}
	if len(v.ARN) > arnSuffix {
		ids = append(ids, v.ARN[:len(v.ARN)-arnSuffix])
	}
	return ids
}

// isSame reports whether e is of the secret that is v, whose IDs are given.
func isSame(e *Entry, ids []string, v Value) bool {
	if slices.Contains(ids, e.id()) {
		return true
	}
	s := e.snap.Load()
	return s != nil && v.ARN != "" && strings.EqualFold(s.details.value(e.id()).ARN, v.ARN)
}

// noteStage notes e, which is fetched, if a move of another stage concerns it. Those that are
// of no use any more are forgotten each time their number has doubled. Called with mu held.
func (c *Cache) noteStage(e *Entry) {
	ref := e.ref()
	if ref.VersionID != "" || ref.Stage == c.cfg.DefaultStage {
		return
	}
	if len(c.staged) >= c.sweepStagedAt {
		maps.DeleteFunc(c.staged, func(held weak.Pointer[Entry], _ struct{}) bool {
			e := held.Value()
			return e == nil || e.snap.Load() == nil && e.inFlight() == nil && e.failure() == nil
		})
		c.sweepStagedAt = max(minSweep, 2*len(c.staged))
	}
	c.staged[weak.Make(e)] = struct{}{}
}
