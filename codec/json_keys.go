package codec

// A keySet is the set of one object's keys. A few keys are compared one by one. More keys
// are in a map, so that a hostile secret costs no quadratic time.
type keySet struct {
	list [][]byte
	many map[string]struct{}
	// plain has the plainKey of each key in list, after the first call of near. No key is
	// added after that.
	plain []string
}

// add reports whether key is new to the set.
func (k *keySet) add(key []byte) bool {
	if k.many != nil {
		if _, ok := k.many[string(key)]; ok {
			return false
		}
		k.many[string(key)] = struct{}{}
		k.list = append(k.list, key)
		return true
	}
	for _, other := range k.list {
		if string(other) == string(key) {
			return false
		}
	}
	k.list = append(k.list, key)
	if len(k.list) == 16 {
		k.many = make(map[string]struct{}, 64)
		for _, other := range k.list {
			k.many[string(other)] = struct{}{}
		}
	}
	return true
}

// near finds the key that is most similar to name. Showing that key reveals little, since T
// names nearly the same.
func (k *keySet) near(name string) (near string, how kinship) {
	if k.plain == nil && len(k.list) > 0 {
		k.plain = make([]string, len(k.list))
		for i, key := range k.list {
			k.plain[i] = plainKey(string(key))
		}
	}
	plain := plainKey(name)
	for i, key := range k.list {
		if k.plain[i] != plain {
			continue
		}
		if kin := kin(string(key), name); kin > how {
			near, how = string(key), kin
		}
	}
	return near, how
}
