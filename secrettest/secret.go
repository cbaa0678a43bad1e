package secrettest

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// store holds the secrets of one region. Its methods want the lock held unless
// they say that they take it.
type store struct {
	*world
	region  string
	secrets []*secret // in order of creation
	byName  map[string]*secret
}

// world is what the stores of all regions share.
type world struct {
	cfg Config // read-only but for Now

	mu        sync.Mutex        // guards the rest, cfg.Now, and all stores, secrets and versions
	regions   map[string]*store // the home region's, and those that a secret was replicated to
	seq       int               // of the latest secret or version
	functions functions         // what rotates secrets
	events    eventQueue        // what has happened
}

// secret is one secret in one region: its metadata and its versions.
type secret struct {
	name, arn string
	home      *store
	seq       int // grows from one secret to the next, in all regions
	kmsKey    string
	accessed  time.Time  // the day of the last read
	primary   *secret    // what this one is a replica of, or nil
	replicas  []*replica // of this one
	*content
}

// content is what a secret and its replicas have in common.
type content struct {
	description, typ string
	tags             []tag
	policy           string
	created, changed time.Time
	deleted          time.Time // when it was deleted, else zero
	purge            time.Time // when a deleted one goes for good
	forced           bool      // deleted without recovery
	rotation         *rotation // nil if never configured
	versions         versions
}

func newStore(cfg Config) *store {
	w := &world{cfg: cfg, regions: map[string]*store{}}
	return w.at(cfg.Region)
}

// at returns the store of a region, which it makes if there is none.
func (w *world) at(region string) *store {
	st := w.regions[region]
	if st == nil {
		st = &store{world: w, region: region, byName: map[string]*secret{}}
		w.regions[region] = st
	}
	return st
}

// visible returns the store that a request signed for a region sees: that
// region's, if a secret was replicated to it, else this one. It takes the lock.
func (st *store) visible(region string) *store {
	st.mu.Lock()
	defer st.mu.Unlock()
	if other := st.regions[region]; other != nil {
		return other
	}
	return st
}

func (w *world) now() time.Time { return w.cfg.Now() }

func (w *world) nextSeq() int {
	w.seq++
	return w.seq
}

// len returns the number of secrets in all regions; it takes the lock.
func (w *world) len() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, st := range w.regions {
		n += len(st.secrets)
	}
	return n
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

// original is lookup for the operations that a replica refuses.
func (st *store) original(id string) (*secret, error) {
	sec, err := st.lookup(id)
	if err == nil && sec.primary != nil {
		err = errReplica
	}
	return sec, err
}

// writable is active for the operations that a replica refuses.
func (st *store) writable(id string) (*secret, error) {
	sec, err := st.original(id)
	if err == nil && !sec.deleted.IsZero() {
		err = errDeleted
	}
	return sec, err
}

// sweep removes the secrets whose time has come.
func (w *world) sweep() {
	now := w.now()
	for _, st := range w.regions {
		st.remove(func(sec *secret) bool { return !sec.purge.IsZero() && !now.Before(sec.purge) })
	}
}

// remove removes the secrets that a function picks.
func (st *store) remove(pick func(*secret) bool) {
	st.secrets = slices.DeleteFunc(st.secrets, func(sec *secret) bool {
		if !pick(sec) {
			return false
		}
		delete(st.byName, sec.name)
		return true
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
	sec := &secret{name: name, arn: st.arn(name + "-" + string(suffix)), content: &content{created: now, changed: now}}
	st.insert(sec)
	return sec
}

func (st *store) insert(sec *secret) {
	sec.home, sec.seq = st, st.nextSeq()
	st.secrets = append(st.secrets, sec)
	st.byName[sec.name] = sec
}

// arn returns the ARN that ends with a name and its suffix.
func (st *store) arn(end string) string {
	return "arn:" + partition(st.region) + ":secretsmanager:" + st.region + ":" + st.cfg.Account + ":secret:" + end
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

// read marks a version as read; the service notes the day only.
func (sec *secret) read(v *version, now time.Time) {
	day := now.UTC().Truncate(24 * time.Hour)
	sec.accessed, v.accessed = day, day
}

func at(t time.Time) epoch {
	if t.IsZero() {
		return epoch{}
	}
	return epoch{t.UnixMilli()}
}
