package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/typedsecret/typedsecret/internal/sealed"
)

// The content of the file, as JSON.
type content struct {
	Written time.Time `json:"written"`
	Records []record  `json:"records"`
}

// A record is what the file says of one Ref: that the secret is gone, or a value, and whether
// the source refused it later.
type record struct {
	ID     string  `json:"id"`
	Stage  string  `json:"stage,omitempty"`
	Pinned string  `json:"pinned,omitempty"` // the VersionID of the Ref
	ARN    string  `json:"arn,omitempty"`
	Value  *stored `json:"value,omitempty"`
	said

	held    bool // this Cache has a value of it in memory
	unknown bool // neither the file nor this Cache has had a value
}

// A stored value is one in the file, without its ARN.
type stored struct {
	Payload   []byte    `json:"payload"`
	Binary    bool      `json:"binary,omitempty"`
	Name      string    `json:"name,omitempty"`
	VersionID string    `json:"version,omitempty"`
	Stages    []string  `json:"stages,omitempty"`
	Created   time.Time `json:"created"`
	FetchedAt time.Time `json:"fetched"`
	Replica   string    `json:"replica,omitempty"`
	Writer    uint64    `json:"writer,omitempty"`  // the Cache that fetched it
	Number    uint64    `json:"number,omitempty"`  // of its Snapshot, in that Cache
	Mono      int64     `json:"mono,omitempty"`    // FetchedAt by the monotonic clock of that Cache
	Undated   bool      `json:"undated,omitempty"` // FetchedAt is of a clock that was set back since
}

func (r *record) ref() Ref { return Ref{ID: r.ID, Stage: r.Stage, VersionID: r.Pinned} }

func recordOf(ref Ref) record { return record{ID: ref.ID, Stage: ref.Stage, Pinned: ref.VersionID} }

func (v *stored) moment() moment { return moment{v.FetchedAt, v.Writer, v.Number} }

// storedOf returns what the file is to have of a Snapshot.
func (b *sealedFile) storedOf(s *Snapshot, v Value) *stored {
	m := b.momentOf(s)
	of := &stored{
		Payload: v.Payload.Bytes(), Binary: v.Payload.IsBinary(), Name: v.Name, VersionID: v.VersionID,
		Stages: v.Stages, Created: v.Created, FetchedAt: m.wall, Replica: v.Replica,
		Writer: m.writer, Number: m.number, Undated: s.isUndated(),
	}
	if m.writer != 0 {
		of.Mono = s.at.mono
	}
	return of
}

// A moment is when a Cache learnt something.
type moment struct {
	wall   time.Time
	writer uint64 // the Cache; 0 if that is not known
	number uint64 // how many values the Cache had published
}

// momentOf returns when a Snapshot was fetched: by this Cache, unless it has no number.
func (b *sealedFile) momentOf(s *Snapshot) moment {
	m := moment{wall: time.Unix(0, s.at.wall)}
	if s.number != 0 {
		m.writer, m.number = b.writer, s.number
	}
	return m
}

// skew is by how much the clocks of machines that share a file may differ.
const skew = 5 * time.Second

// isFuture reports whether t lies so far after now that the clock was set back.
func isFuture(t, now time.Time) bool { return t.Sub(now) > skew }

// after reports whether m is later than other. Moments of one Cache are numbered, and their
// numbers decide. Between moments of different Caches the wall clock decides; a moment in
// the future is from before the clock was set back, so it counts as the earlier one.
func (m moment) after(other moment, now time.Time) bool {
	if m.writer == other.writer && m.writer != 0 {
		return m.number > other.number
	}
	return m.compare(other, now) > 0
}

// compare orders moments by the wall clock alone.
func (m moment) compare(other moment, now time.Time) int {
	switch future := isFuture(m.wall, now); {
	case future == isFuture(other.wall, now):
		return m.wall.Compare(other.wall)
	case future:
		return -1
	default:
		return 1
	}
}

// A kept value is what the file says of one Ref: what it holds, and what the source said
// after it was fetched.
type kept struct {
	Value
	moment  moment
	mono    int64 // when it was fetched, if this Cache fetched it
	undated bool  // the clock was set back since it was fetched
	said    said  // later; if the secret is gone, there is no Value
}

// keptBy returns what a record says. If the file was written in the future, the clock was
// set back since, and even a fetch that seems to lie in the past is undated.
func (b *sealedFile) keptBy(r *record, written, now time.Time) kept {
	k := kept{said: r.said}
	v := r.Value
	if v == nil {
		return k
	}
	k.Value = Value{
		Payload: payloadOf(v.Payload, v.Binary), ARN: r.ARN, Name: v.Name, VersionID: v.VersionID,
		Stages: v.Stages, Created: v.Created, FetchedAt: v.FetchedAt, Replica: v.Replica,
	}
	k.moment, k.mono = v.moment(), v.Mono
	k.undated = v.Undated || isFuture(v.FetchedAt, now) || isFuture(written, now)
	return k
}

// errNoRecords says that the key fits, but the content is no list of records.
var errNoRecords = errors.New("it holds no list of values; remove it, and the next write makes a new one")

// read returns what the file has; nothing if there is none.
func (b *sealedFile) read() (content, error) {
	plain, err := b.file.Read()
	defer clear(plain)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return content{}, nil
	case err != nil:
		return content{}, fmt.Errorf("%w: %w", ErrSealedFile, err)
	}
	var c content
	// The error of Unmarshal may quote.
	if json.Unmarshal(plain, &c) != nil || slices.ContainsFunc(c.Records, func(r record) bool { return !r.isWhole() }) {
		clearPayloads(c.Records)
		return content{}, fmt.Errorf("%w: %s: %w", ErrSealedFile, b.file.Path(), errNoRecords)
	}
	return c, nil
}

// moments returns when the values in the file were fetched; nothing if it can't be read.
func (b *sealedFile) moments() map[Ref]moment {
	c, _ := b.read()
	defer clearPayloads(c.Records)
	moments := make(map[Ref]moment, len(c.Records))
	for i := range c.Records {
		if v := c.Records[i].Value; v != nil {
			moments[c.Records[i].ref()] = v.moment()
		}
	}
	return moments
}

// isWhole reports whether r says something, in words that this version of the library knows.
func (r *record) isWhole() bool {
	if r.Gone != nil {
		return r.Gone.isGone() && r.Value == nil && r.Refused == nil
	}
	return r.Value != nil && (r.Refused == nil || r.Refused.Kinds.areKnown() && !r.Refused.isGone())
}

// isReplaceable reports whether the next write replaces a file that could not be read
// because of err. It does not replace a file that may be good, or that this library did not
// write.
func isReplaceable(err error) bool {
	return slices.ContainsFunc([]error{
		sealed.ErrTruncated, sealed.ErrSealed, sealed.ErrNewer, sealed.ErrOlder, errNoRecords,
	}, func(kind error) bool { return errors.Is(err, kind) })
}

func clearPayloads(records []record) {
	for _, r := range records {
		if r.Value != nil {
			clear(r.Value.Payload)
		}
	}
}
