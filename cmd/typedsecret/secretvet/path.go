package secretvet

import (
	"regexp"
	"strings"
)

// A path says where in a value something lies: ".Field", "[key]", "[]" and keysPath, one after
// another. "[]" is any element. The empty path is the value itself. A pointer and what
// it points to have the same path.
type path = string

// keysPath is the segment of the keys of a map. If a map as a whole is secret, its keys are not,
// since they are names.
const keysPath path = ".key()"

// maxSegments bounds a path. A longer path is cut: the whole of the value there stands for its
// part.
const maxSegments = 4

var (
	plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	notPlain = regexp.MustCompile(`[^A-Za-z0-9_-]`)
)

func fieldPath(name string) path { return "." + name }

func keyPath(key string) path {
	if !plainKey.MatchString(key) {
		return "[]"
	}
	return "[" + key + "]"
}

// cut splits p after its first segment.
func cut(p path) (first, rest path) {
	if i := strings.IndexAny(p[1:], ".["); i >= 0 {
		return p[:i+1], p[i+1:]
	}
	return p, ""
}

// sameSegment reports whether two segments may name the same thing.
func sameSegment(a, b path) bool {
	if a == b {
		return true
	}
	return a[0] == '[' && b[0] == '[' && (a == "[]" || b == "[]")
}

// within returns where a reader of q sees the data at p: at the path rest of what it reads. If it
// reads a part of the data only, beyond is the path of that part in the data. It reports false if
// the reader does not see the data.
func within(p, q path) (rest, beyond path, ok bool) {
	for q != "" {
		if p == "" {
			return "", q, true
		}
		ps, pr := cut(p)
		qs, qr := cut(q)
		if !sameSegment(ps, qs) {
			return "", "", false
		}
		p, q = pr, qr
	}
	return p, "", true
}

// join returns the path q within p, no longer than maxSegments.
func join(p, q path) path {
	p += q
	rest := p
	for range maxSegments {
		if rest == "" {
			return p
		}
		_, rest = cut(rest)
	}
	return strings.TrimSuffix(p, rest)
}
