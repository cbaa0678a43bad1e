package secrettest

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// The staging labels that the service itself moves.
const (
	stageCurrent  = "AWSCURRENT"
	stagePrevious = "AWSPREVIOUS"
	stagePending  = "AWSPENDING"
)

// maxVersions is how many versions of a secret are kept; the oldest deprecated
// ones go first, as at the service, but whatever their age.
const maxVersions = 100

// store holds the secrets. Its methods want the lock held unless they say that
// they take it.
type store struct {
	cfg Config // read-only but for Now

	mu      sync.Mutex // guards the rest, cfg.Now, and all secrets and versions
	secrets []*secret  // in order of creation
	byName  map[string]*secret
	rotate  RotationFunc
}

// secret is one secret: its metadata and its versions.
type secret struct {
	name, arn           string
	description, kmsKey string
	tags                []tag
	created, changed    time.Time
	accessed            time.Time  // of the whole secret: the day of the last read
	deleted             time.Time  // when it was deleted, else zero
	purge               time.Time  // when a deleted one goes for good
	forced              bool       // deleted without recovery
	versions            []*version // in order of creation
	rotation            *rotation  // nil if never configured
}

// version is one version of a secret. Its value never changes once set; its
// labels do. A version without a label is deprecated.
type version struct {
	id       string
	created  time.Time
	accessed time.Time
	stages   []string // sorted
	// value is nil for the version that a rotation announces. It is a func since
	// go-cmp, who can be told to look into a Server, can't look into that.
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

func newStore(cfg Config) *store {
	return &store{cfg: cfg, byName: map[string]*secret{}}
}

func (st *store) now() time.Time { return st.cfg.Now() }

// len returns the number of secrets; it takes the lock.
func (st *store) len() int {
	st.mu.Lock()
	defer st.mu.Unlock()
	return len(st.secrets)
}

// names replaces those of the IDs that find a secret by its name; it takes the
// lock.
func (st *store) names(ids []string) []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	out := slices.Clone(ids)
	for i, id := range out {
		out[i] = st.name(id)
	}
	return out
}

// name returns the name of the secret that the ID finds, else the ID.
func (st *store) name(id string) string {
	if sec := st.find(id); sec != nil {
		return sec.name
	}
	return id
}

// arnSuffix is what the service puts at an ARN's end: a hyphen and six
// characters.
var arnSuffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// find returns the secret of that name or ARN, deleted or not, or nil. An ARN
// may lack its last seven characters, unless what is left looks whole: the
// service then takes it for whole, so a secret whose name ends in a hyphen and
// six characters has no partial ARN.
func (st *store) find(id string) *secret {
	if !strings.HasPrefix(id, "arn:") {
		return st.byName[id]
	}
	partial := !arnSuffix.MatchString(id)
	for _, sec := range st.secrets {
		if sec.arn == id || partial && sec.arn[:len(sec.arn)-7] == id {
			return sec
		}
	}
	return nil
}

// lookup is find with the error for an ID that finds nothing.
func (st *store) lookup(id string) (*secret, error) {
	if !strings.HasPrefix(id, "arn:") && !validName.MatchString(id) {
		return nil, errBadName
	}
	if sec := st.find(id); sec != nil {
		return sec, nil
	}
	return nil, errNoSecret
}

// active is lookup for the operations that a deleted secret refuses. It returns
// the secret even so.
func (st *store) active(id string) (*secret, error) {
	sec, err := st.lookup(id)
	if err == nil && !sec.deleted.IsZero() {
		err = errDeleted
	}
	return sec, err
}

// sweep removes the secrets whose time has come.
func (st *store) sweep() {
	now := st.now()
	st.secrets = slices.DeleteFunc(st.secrets, func(sec *secret) bool {
		gone := !sec.purge.IsZero() && !now.Before(sec.purge)
		if gone {
			delete(st.byName, sec.name)
		}
		return gone
	})
}

// add makes a secret without versions.
func (st *store) add(name string) *secret {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	suffix := make([]byte, 6)
	for i := range suffix {
		suffix[i] = letters[rand.IntN(len(letters))]
	}
	now := st.now()
	sec := &secret{
		name:    name,
		arn:     "arn:" + partition(st.cfg.Region) + ":secretsmanager:" + st.cfg.Region + ":" + st.cfg.Account + ":secret:" + name + "-" + string(suffix),
		created: now, changed: now,
	}
	st.secrets = append(st.secrets, sec)
	st.byName[name] = sec
	return sec
}

// partition returns the partition of a region, which begins its ARNs.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// version returns the version of that ID, or nil.
func (sec *secret) version(id string) *version {
	for _, v := range sec.versions {
		if v.id == id {
			return v
		}
	}
	return nil
}

// staged returns the version that bears a label, or nil.
func (sec *secret) staged(stage string) *version {
	for _, v := range sec.versions {
		if slices.Contains(v.stages, stage) {
			return v
		}
	}
	return nil
}

// put stores a value as the version of that ID, or finds that it is stored
// already, and moves the labels to it.
func (sec *secret) put(id string, p *payload, stages []string, now time.Time) (*version, error) {
	v := sec.version(id)
	switch {
	case v == nil:
		v = &version{id: id, created: now, value: p.self}
		sec.versions = append(sec.versions, v)
	case v.value == nil:
		v.value, v.created = p.self, now
	case !v.value().equal(p):
		return nil, exists("You can't use ClientRequestToken " + id +
			" because that value is already in use for a version of secret " + sec.arn + ".")
	default:
		return v, nil // the same request once more
	}
	former := sec.staged(stageCurrent)
	if former == nil && !slices.Contains(stages, stageCurrent) {
		// The first version with a value is the current one, whatever else it is.
		stages = append(slices.Clone(stages), stageCurrent)
	}
	if former != nil && former != v && slices.Contains(stages, stageCurrent) {
		// A version that a rotation brought in keeps AWSPENDING beside
		// AWSCURRENT; the next value put ends that.
		former.unlabel(stagePending)
	}
	for _, stage := range stages {
		sec.label(v, stage)
	}
	sec.changed = now
	sec.finishRotation(now)
	sec.trim()
	return v, nil
}

// label moves a label to a version, and AWSPREVIOUS to the version that loses
// AWSCURRENT by it.
func (sec *secret) label(to *version, stage string) {
	from := sec.staged(stage)
	if from == to {
		return
	}
	if from != nil {
		from.unlabel(stage)
		if stage == stageCurrent {
			sec.label(from, stagePrevious)
		}
	}
	to.stages = append(to.stages, stage)
	slices.Sort(to.stages)
}

func (v *version) unlabel(stage string) {
	v.stages = slices.DeleteFunc(v.stages, func(s string) bool { return s == stage })
}

// trim drops the oldest deprecated versions beyond the number kept.
func (sec *secret) trim() {
	surplus := len(sec.versions) - maxVersions
	sec.versions = slices.DeleteFunc(sec.versions, func(v *version) bool {
		drop := surplus > 0 && len(v.stages) == 0
		if drop {
			surplus--
		}
		return drop
	})
}

// read marks a version as read; the service notes the day only.
func (sec *secret) read(v *version, now time.Time) {
	day := now.UTC().Truncate(24 * time.Hour)
	sec.accessed, v.accessed = day, day
}

// stagesByVersion returns the labelled versions, as a description lists them.
func (sec *secret) stagesByVersion() map[string][]string {
	m := map[string][]string{}
	for _, v := range sec.versions {
		if len(v.stages) > 0 {
			m[v.id] = slices.Clone(v.stages)
		}
	}
	return m
}

func at(t time.Time) epoch {
	if t.IsZero() {
		return epoch{}
	}
	return epoch{t.UnixMilli()}
}
