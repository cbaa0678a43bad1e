package secrettest

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// The staging labels that the service itself moves.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"
)

const (
	// maxVersions is the number of versions of a secret that are kept, beside those younger
	// than keptAnyway. The oldest versions without a label are removed first ("AWS Secrets
	// Manager quotas": about 100; "Secret versions": none of the last 24 hours is removed).
	maxVersions = 100
	keptAnyway  = 24 * time.Hour

	// maxStages is the most labels that all versions of a secret may have together ("AWS
	// Secrets Manager quotas").
	maxStages = 20
)

// version is one version of a secret. Its value never changes once it is set, but its
// labels do. A version without a label is deprecated.
type version struct {
	id       string
	seq      int // numbers versions in the order of their creation
	created  time.Time
	accessed time.Time
	stages   []string // sorted
	// value is nil for the version that a rotation announces. It is a func, since go-cmp
	// can look into a Server's fields, but not into a func.
	value func() *payload
}

// payload is a secret value, text or binary.
type payload struct {
	text   string
	blob   []byte
	binary bool
}

func (p *payload) self() *payload { return p }

func (p *payload) equal(q *payload) bool {
	return p.binary == q.binary && p.text == q.text && string(p.blob) == string(q.blob)
}

// versions are a secret's versions and their labels. The zero value has none.
type versions struct {
	all    []*version // in order of creation
	byID   map[string]*version
	staged map[string]*version // the versions, by label
	gone   map[string]bool     // the IDs of versions that were cleaned up
}

// clone returns a copy that does not change with the original.
func (vs *versions) clone() versions {
	c := versions{gone: maps.Clone(vs.gone)}
	for _, v := range vs.all {
		w := *v
		w.stages = slices.Clone(v.stages)
		c.add(&w)
		for _, stage := range w.stages {
			c.attach(&w, stage)
		}
	}
	return c
}

func (vs *versions) add(v *version) {
	if vs.byID == nil {
		vs.byID, vs.staged = map[string]*version{}, map[string]*version{}
	}
	vs.all = append(vs.all, v)
	vs.byID[v.id] = v
	delete(vs.gone, v.id)
}

func (vs *versions) attach(v *version, stage string) {
	vs.staged[stage] = v
	if !slices.Contains(v.stages, stage) {
		v.stages = append(v.stages, stage)
		slices.Sort(v.stages)
	}
}

func (vs *versions) detach(v *version, stage string) {
	if vs.staged[stage] != v {
		return
	}
	delete(vs.staged, stage)
	v.stages = slices.DeleteFunc(v.stages, func(s string) bool { return s == stage })
}

// discard removes a version without a trace.
func (vs *versions) discard(v *version) {
	for _, stage := range slices.Clone(v.stages) {
		vs.detach(v, stage)
	}
	delete(vs.byID, v.id)
	vs.all = slices.DeleteFunc(vs.all, func(w *version) bool { return w == v })
}

// trim removes the oldest deprecated versions beyond the number that is kept.
func (vs *versions) trim(now time.Time) {
	surplus := len(vs.all) - maxVersions
	if surplus <= 0 {
		return
	}
	old := slices.IndexFunc(vs.all, func(v *version) bool { return now.Sub(v.created) < keptAnyway })
	if old < 0 {
		old = len(vs.all)
	}
	kept := slices.DeleteFunc(slices.Clone(vs.all[:old]), func(v *version) bool {
		if surplus <= 0 || len(v.stages) > 0 {
			return false
		}
		surplus--
		delete(vs.byID, v.id)
		if vs.gone == nil {
			vs.gone = map[string]bool{}
		}
		vs.gone[v.id] = true
		return true
	})
	vs.all = slices.Replace(vs.all, 0, old, kept...)
}

// version returns the version with this ID, or nil.
func (sec *secret) version(id string) *version { return sec.versions.byID[id] }

// staged returns the version with a label, or nil.
func (sec *secret) staged(stage string) *version { return sec.versions.staged[stage] }

// existing is like version, and returns an error for an ID that finds nothing.
func (sec *secret) existing(id string) (*version, error) {
	switch v := sec.version(id); {
	case v != nil:
		return v, nil
	case sec.versions.gone[id]:
		// The words are from hashicorp/terraform-provider-aws issue 36607.
		return nil, invalidRequest("You can't perform this operation on secret version " + id + " because it was deleted.")
	default:
		return nil, notFound("Secrets Manager can't find the specified secret value for VersionId: " + id)
	}
}

// announce makes a version without a value, with the label AWSPENDING.
func (sec *secret) announce(id string, now time.Time) *version {
	v := &version{id: id, seq: sec.home.nextSeq(), created: now}
	sec.versions.add(v)
	sec.label(v, stagePending)
	sec.versions.trim(now)
	return v
}

// put stores a value as the version with this ID, unless it is stored already, and moves
// the labels to the version.
func (sec *secret) put(id string, p *payload, stages []string, now time.Time) (*version, error) {
	v := sec.version(id)
	switch {
	case v != nil && v.value != nil && v.value().equal(p):
		return v, nil // the same request again
	case v != nil && v.value != nil:
		return nil, exists("You can't use ClientRequestToken " + id +
			" because that value is already in use for a version of secret " + sec.arn + ".")
	}
	if err := sec.roomFor(stages...); err != nil {
		return nil, err
	}
	if v == nil {
		v = &version{id: id, seq: sec.home.nextSeq()}
		sec.versions.add(v)
	}
	v.value, v.created = p.self, now
	former := sec.staged(stageCurrent)
	if former == nil && !slices.Contains(stages, stageCurrent) {
		// The first version with a value always becomes the current one.
		stages = append(slices.Clone(stages), stageCurrent)
	}
	if former != nil && former != v && slices.Contains(stages, stageCurrent) {
		// After a rotation the version has AWSPENDING beside AWSCURRENT. The next value
		// removes AWSPENDING from it.
		sec.versions.detach(former, stagePending)
	}
	for _, stage := range stages {
		sec.label(v, stage)
	}
	sec.changed = now
	if slices.Contains(stages, stageCurrent) {
		sec.rotated(now)
	}
	sec.finishRotation(now)
	sec.versions.trim(now)
	return v, nil
}

// roomFor returns an error if the versions would have too many labels with these.
func (sec *secret) roomFor(stages ...string) error {
	n := len(sec.versions.staged)
	for i, stage := range stages {
		if sec.staged(stage) == nil && !slices.Contains(stages[:i], stage) {
			n++
		}
	}
	if n > maxStages && n > len(sec.versions.staged) {
		return limitExceeded(fmt.Sprintf("The versions of a secret can have at most %d staging labels in all.", maxStages))
	}
	return nil
}

// label moves a label to a version. If the label is AWSCURRENT, AWSPREVIOUS moves to the
// version that loses it.
func (sec *secret) label(to *version, stage string) {
	from := sec.staged(stage)
	if from == to {
		return
	}
	if from != nil {
		sec.versions.detach(from, stage)
		if stage == stageCurrent {
			sec.label(from, stagePrevious)
		}
	}
	sec.versions.attach(to, stage)
	sec.home.labelMoved(sec, stage, to)
}

// stagesByVersion returns the labels by version, for a description.
func (sec *secret) stagesByVersion() map[string][]string {
	m := map[string][]string{}
	for _, v := range sec.versions.all {
		if len(v.stages) > 0 {
			m[v.id] = slices.Clone(v.stages)
		}
	}
	return m
}
