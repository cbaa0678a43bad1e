package secrettest

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// store holds the secrets of one region. Its methods must be called with the lock held,
// unless their comments say that they take it.
type store struct {
	*world
	region  string
	secrets []*secret // in order of creation
	byName  map[string]*secret
}

// world is shared by the stores of all regions.
type world struct {
	cfg Config // only Now may change

	mu        sync.Mutex        // guards the fields below, cfg.Now, and all stores, secrets and versions
	regions   map[string]*store // the home region's, and those that a secret was replicated to
	seq       int               // the number of the latest secret or version
	functions functions         // the rotation functions
	events    eventQueue        // the events that are not yet delivered
	identity  *identityPolicy   // nil if everything is allowed
}

// secret is one secret in one region: its metadata and its versions.
type secret struct {
	name, arn string
	home      *store
	seq       int // numbers secrets in the order of their creation, over all regions
	kmsKey    string
	accessed  time.Time  // the day of the last read
	primary   *secret    // the original if this secret is a replica, or nil
	replicas  []*replica // the replicas of this secret
	*content
}

// content is shared by a secret and its replicas.
type content struct {
	description, typ string
	tags             []tag
	policy           string
	created, changed time.Time
	deleted          time.Time // when it was deleted; zero if it was not
	purge            time.Time // when a deleted secret is removed
	forced           bool      // deleted without recovery
	rotation         *rotation // nil if never configured
	versions         versions
}

func newStore(cfg Config) *store {
	w := &world{cfg: cfg, regions: map[string]*store{}}
	return w.at(cfg.Region)
}

// at returns the store of a region. It makes one if there is none.
func (w *world) at(region string) *store {
	st := w.regions[region]
	if st == nil {
		st = &store{world: w, region: region, byName: map[string]*secret{}}
		w.regions[region] = st
	}
	return st
}

// visible returns the store for requests that are signed for a region. It is the region's
// own store if a secret was replicated to it, and this one otherwise. It takes the lock.
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

// names replaces each ID that finds a secret by the secret's name. It takes the lock.
func (st *store) names(ids []string) []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	out := slices.Clone(ids)
	for i, id := range out {
		out[i] = st.name(id)
	}
	return out
}

// name returns the name of the secret that the ID finds, or the ID if there is none.
func (st *store) name(id string) string {
	if sec := st.find(id); sec != nil {
		return sec.name
	}
	return id
}

// arnSuffix matches the end that the service gives an ARN: a hyphen and six characters.
var arnSuffix = regexp.MustCompile(`-[A-Za-z0-9]{6}$`)

// find returns the secret with this name or ARN, or nil. The secret may be deleted. An ARN
// may lack its last seven characters, unless the rest also ends in a hyphen and six
// characters: the service then considers the ARN complete.
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

// lookup is like find, and returns an error for an ID that finds nothing.
func (st *store) lookup(id string) (*secret, error) {
	if !strings.HasPrefix(id, "arn:") && !validName.MatchString(id) {
		return nil, errBadName
	}
	if sec := st.find(id); sec != nil {
		return sec, nil
	}
	return nil, errNoSecret
}

// active is like lookup, and returns an error for a deleted secret too, beside the secret.
func (st *store) active(id string) (*secret, error) {
	sec, err := st.lookup(id)
	if err == nil && !sec.deleted.IsZero() {
		err = errDeleted
	}
	return sec, err
}

// original is like lookup, and returns an error for a replica too.
func (st *store) original(id string) (*secret, error) {
	sec, err := st.lookup(id)
	if err == nil && sec.primary != nil {
		err = errReplica
	}
	return sec, err
}

// writable is like active, and returns an error for a replica too.
func (st *store) writable(id string) (*secret, error) {
	sec, err := st.original(id)
	if err == nil && !sec.deleted.IsZero() {
		err = errDeleted
	}
	return sec, err
}

// sweep removes the deleted secrets whose recovery window is over.
func (w *world) sweep() {
	now := w.now()
	for _, st := range w.regions {
		st.remove(func(sec *secret) bool { return !sec.purge.IsZero() && !now.Before(sec.purge) })
	}
}

// remove removes the secrets for which pick returns true.
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

// arn returns the ARN with this end, a name and its suffix.
func (st *store) arn(end string) string {
	return "arn:" + partition(st.region) + ":secretsmanager:" + st.region + ":" + st.cfg.Account + ":secret:" + end
}

// partition returns the partition of a region, which is in its ARNs.
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

// read records a read of a version. Like the service, it keeps only the day.
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
