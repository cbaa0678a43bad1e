package cache

import (
	"strings"
	"weak"
)

// moveStages expires the other stages of a secret of which one has moved to another version,
// under each spelling of its ID: Secrets Manager moves AWSCURRENT and AWSPREVIOUS in one
// step. Values that were fetched since and pinned versions stay as they are. Called with mu
// held, for a fetch that began at began and brought s.
func (c *Cache) moveStages(s *Snapshot, began instant) {
	ref, v := s.Ref(), s.details.value(s.entry.id())
	if ref.VersionID != "" || ref.Stage != DefaultStage && ref.Stage != previousStage {
		return
	}
	isOther := func(e *Entry) bool {
		at := e.snap.Load()
		return e != s.entry && at != nil && began.since(at.at) > 0 && e.ref().VersionID == ""
	}
	for _, id := range spellings(ref.ID, v) {
		if e := c.known(c.resolve(Ref{ID: id})); e != nil && isOther(e) && e.ref().Stage != ref.Stage {
			c.move(e)
		}
	}
	for held := range c.staged {
		e := held.Value()
		if e == nil || e.snap.Load() == nil {
			delete(c.staged, held)
			continue
		}
		if isOther(e) && e.ref().Stage != ref.Stage && isSame(e, ref.ID, v) {
			c.move(e)
		}
	}
}

const previousStage = "AWSPREVIOUS"

// move expires e because another stage of its secret has moved.
func (c *Cache) move(e *Entry) {
	e.invalidate(c.now())
	e.past.moved = true
	c.notify(e.key)
}

// spellings returns the IDs by which a secret may be asked for.
func spellings(id string, v Value) []string {
	ids := []string{id, v.Name, v.ARN}
	if len(v.ARN) > arnSuffix {
		ids = append(ids, v.ARN[:len(v.ARN)-arnSuffix])
	}
	return ids
}

// isSame reports whether e is of the secret that was asked for by id and is v.
func isSame(e *Entry, id string, v Value) bool {
	if v.ARN == "" {
		return e.id() == id
	}
	return strings.EqualFold(e.snap.Load().details.value(e.id()).ARN, v.ARN)
}

// noteStage notes e, which gets a value, if a move of another stage concerns it. Called with
// mu held.
func (c *Cache) noteStage(e *Entry) {
	if ref := e.ref(); ref.VersionID == "" && ref.Stage != c.cfg.DefaultStage {
		c.staged[weak.Make(e)] = struct{}{}
	}
}
