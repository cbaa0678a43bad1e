package engine

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// keptFor is how long the file holds a secret that nobody asks for any more: one that no
// process which writes the file has fetched again, or holds in memory.
const keptFor = 90 * 24 * time.Hour

// soon is how much later the source must repeat a refusal, with the same kinds, before the
// file is written for that alone.
const soon = time.Minute

// write brings the file up to date with what this Cache knows, and leaves there what others
// know. It clears the payloads.
func (b *sealedFile) write(known []record, most int, now time.Time) error {
	defer clearPayloads(known)
	old, err := b.read()
	defer clearPayloads(old.Records)
	if err != nil && !isReplaceable(err) {
		return err
	}
	l := newLedger(old, b.writer, now)
	for i := range known {
		l.learn(&known[i])
	}
	records := l.close(most)
	if !l.differs(records) {
		return nil
	}
	plain, err := json.Marshal(content{Written: now, Records: records})
	defer clear(plain)
	if err == nil {
		err = b.file.Write(plain)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSealedFile, err)
	}
	return nil
}

// A ledger is what the file says while it is brought up to date. Several processes may know
// something of one Ref: the news that was learnt last counts, not the news that was written
// last.
type ledger struct {
	now     time.Time
	before  map[Ref]record
	records map[Ref]*record
}

// newLedger begins with what the file has. If the file was written in the future, the clock
// was set back: then it is unknown when its values were fetched, except for the writer's
// own.
func newLedger(old content, writer uint64, now time.Time) *ledger {
	wasSetBack := isFuture(old.Written, now)
	l := &ledger{now: now, before: make(map[Ref]record, len(old.Records)), records: make(map[Ref]*record, len(old.Records))}
	for i := range old.Records {
		r := &old.Records[i]
		l.before[r.ref()] = *r
		if r.Value != nil && r.Value.Writer != writer && wasSetBack {
			r.Value.Undated = true
		}
		l.records[r.ref()] = r
	}
	return l
}

// learn adds what the Cache knows: a value, what the source said, or both.
func (l *ledger) learn(known *record) {
	r := l.records[known.ref()]
	if r == nil {
		r = &record{ID: known.ID, Stage: known.Stage, Pinned: known.Pinned, unknown: known.Value == nil && !known.held}
		l.records[known.ref()] = r
	}
	r.held = r.held || known.held
	r.ARN = cmp.Or(known.ARN, r.ARN)
	if v := known.Value; v != nil && (r.Value == nil || v.moment().after(r.Value.moment(), l.now)) {
		r.Value = v
	}
	r.said = r.said.and(known.said, l.now)
}

// close returns the records for the file: the newest values, at most as many as most, and
// at most that many secrets that are gone, or more if most is small: another process that
// shares the file may hold the value of each.
func (l *ledger) close(most int) []record {
	for _, r := range l.records {
		r.settle(l.now)
	}
	l.spreadDeletions()
	var values, others []record
	for _, r := range l.records {
		switch {
		case r.unknown || r.Value == nil && r.Gone == nil || !r.held && l.now.Sub(r.at().wall) > keptFor:
		case r.Value != nil:
			values = append(values, *r)
		default:
			others = append(others, *r)
		}
	}
	return append(l.newest(values, most), l.newest(others, max(most, DefaultMaxSize))...)
}

// settle leaves in r what counts: the value or that the secret is gone, whichever came later,
// and a refusal of the value.
func (r *record) settle(now time.Time) {
	if r.Value != nil {
		r.said = r.said.since(r.Value.moment(), now)
	}
	if r.Gone != nil {
		r.Value = nil
	}
	if r.Value == nil {
		r.Refused = nil
	}
}

// at is when r was learnt.
func (r *record) at() moment {
	if r.Value != nil {
		return r.Value.moment()
	}
	return r.Gone.moment()
}

func (l *ledger) newest(records []record, most int) []record {
	slices.SortFunc(records, func(x, y record) int {
		return cmp.Or(
			y.at().compare(x.at(), l.now),
			cmp.Compare(x.ID, y.ID), cmp.Compare(x.Stage, y.Stage), cmp.Compare(x.Pinned, y.Pinned),
		)
	})
	return records[:min(most, len(records))]
}

// spreadDeletions takes the values of deleted secrets out: if the source said that a secret
// is deleted, its other versions go too, and its records under another spelling of its ID,
// unless they were fetched later.
func (l *ledger) spreadDeletions() {
	deletions := map[string]*record{} // by ID and ARN
	for _, r := range l.records {
		if r.Gone == nil || r.Gone.Kinds&deleted == 0 {
			continue
		}
		for _, name := range []string{r.ID, r.ARN} {
			if last := deletions[name]; last == nil || r.Gone.moment().after(last.Gone.moment(), l.now) {
				deletions[name] = r
			}
		}
	}
	delete(deletions, "") // the ARN of those that have none
	for ref, r := range l.records {
		for _, name := range []string{r.ID, r.ARN} {
			if by := deletions[name]; by != nil && r.Value != nil && !r.Value.moment().after(by.Gone.moment(), l.now) {
				delete(l.records, ref)
				by.unknown = false
			}
		}
	}
}

// differs reports whether records say something else than the file does.
func (l *ledger) differs(records []record) bool {
	if len(records) != len(l.before) {
		return true
	}
	return slices.ContainsFunc(records, func(r record) bool {
		old, has := l.before[r.ref()]
		return !has || old.Value != r.Value || old.Gone.differs(r.Gone) || old.Refused.differs(r.Refused)
	})
}

// differs reports whether two refusals are worth a write.
func (r *refusal) differs(other *refusal) bool {
	if r == nil || other == nil {
		return r != other
	}
	return r.Kinds != other.Kinds || other.At.Sub(r.At).Abs() >= soon
}
