package engine

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// details are a Value without its Payload and FetchedAt in one string, for memory:
// as the fields of a struct they took twice as much, in five pieces. The strings
// of the Value that they become again are parts of that one.
type details string

// wellKnown are stages that take a byte each.
var wellKnown = []string{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"}

// How a Name is written.
const (
	nameInFull = iota
	nameIsID   // it is the ID that the Ref has
	nameInARN  // it is the last part of the ARN, before the hyphen and six characters
)

const arnSuffix = 7

// detailsOf packs v, which was fetched by id. If old says the same, it returns old.
func detailsOf(v Value, id string, old details) details {
	b := make([]byte, 0, 256)
	b = appendText(b, v.VersionID)
	b = appendText(b, v.ARN)
	switch {
	case v.Name == id:
		b = append(b, nameIsID)
	case len(v.ARN) > arnSuffix && strings.HasSuffix(v.ARN[:len(v.ARN)-arnSuffix], v.Name):
		b = append(b, nameInARN)
		b = binary.AppendUvarint(b, uint64(len(v.Name)))
	default:
		b = append(b, nameInFull)
		b = appendText(b, v.Name)
	}
	b = binary.AppendVarint(b, v.Created.Unix())
	b = appendNanos(b, v.Created.Nanosecond())
	b = binary.AppendUvarint(b, uint64(len(v.Stages)))
	for _, stage := range v.Stages {
		if i := slices.Index(wellKnown, stage); i >= 0 {
			b = append(b, byte(i+1))
		} else {
			b = append(b, 0)
			b = appendText(b, stage)
		}
	}
	b = append(b, v.Replica...)
	if string(b) == string(old) {
		return old
	}
	return details(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendNanos writes whole milliseconds, which are what Secrets Manager tells, short;
// the lowest bit says whether they are.
func appendNanos(b []byte, nanos int) []byte {
	if nanos%1e6 == 0 {
		return binary.AppendUvarint(b, uint64(nanos/1e6)<<1)
	}
	return binary.AppendUvarint(b, uint64(nanos)<<1|1)
}

// versionID returns the version ID.
func (d details) versionID() string { return (&reader{string(d)}).text() }

// value returns the Value that d was made of, fetched by id; Created is in UTC.
func (d details) value(id string) Value {
	r := &reader{string(d)}
	v := Value{VersionID: r.text(), ARN: r.text()}
	switch r.byte() {
	case nameIsID:
		v.Name = id
	case nameInARN:
		end := len(v.ARN) - arnSuffix
		v.Name = v.ARN[end-r.int() : end]
	default:
		v.Name = r.text()
	}
	v.Created = time.Unix(r.varint(), r.nanos()).UTC()
	if n := r.int(); n > 0 {
		v.Stages = make([]string, n)
		for i := range v.Stages {
			if known := r.byte(); known > 0 {
				v.Stages[i] = wellKnown[known-1]
			} else {
				v.Stages[i] = r.text()
			}
		}
	}
	v.Replica = r.rest
	return v
}

// A reader takes details apart from their beginning.
type reader struct{ rest string }

func (r *reader) byte() byte {
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

// uvarint is binary.Uvarint for strings.
func (r *reader) uvarint() (n uint64) {
	for shift := 0; ; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
}

func (r *reader) varint() int64 {
	n := r.uvarint() // with its sign in the lowest bit
	return int64(n>>1) ^ -int64(n&1)
}

func (r *reader) int() int { return int(r.uvarint()) }

// nanos reads what appendNanos wrote.
func (r *reader) nanos() int64 {
	n := int64(r.uvarint())
	if n&1 == 0 {
		return n / 2 * 1e6
	}
	return n / 2
}

func (r *reader) text() string {
	n := r.int()
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
