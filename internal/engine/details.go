package engine

import (
	"encoding/binary"
	"slices"
	"time"
)

// details are a Value without its Payload and FetchedAt in one string, for memory: a cached
// secret takes 350 bytes beside its payload, and 479 with a struct of strings (workload 8 of
// bench). The strings of the Value that they become again are parts of that one.
type details string

// wellKnown are stages that take a byte each.
var wellKnown = []string{"AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"}

// How a Name is written.
const (
	nameIsID   = iota // it is the ID that the Ref has
	nameInFull        // it follows
)

// detailsOf packs v, which was fetched by id. If old says the same, it returns old.
func detailsOf(v Value, id string, old details) details {
	b := appendText(make([]byte, 0, 256), v.VersionID)
	b = appendText(appendText(b, v.ARN), v.Replica)
	if v.Name == id {
		b = append(b, nameIsID)
	} else {
		b = appendText(append(b, nameInFull), v.Name)
	}
	b = binary.AppendVarint(b, v.Created.Unix())
	b = appendNanos(b, v.Created.Nanosecond())
	for _, stage := range v.Stages {
		i := slices.Index(wellKnown, stage) + 1
		if b = append(b, byte(i)); i == 0 {
			b = appendText(b, stage)
		}
	}
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

// uvarint reads the number at d[at:], and returns where it ends.
func (d details) uvarint(at int) (n uint64, end int) {
	n, size := binary.Uvarint([]byte(d[at:min(len(d), at+binary.MaxVarintLen64)]))
	return n, at + size
}

// versionID returns the version ID.
func (d details) versionID() string {
	n, at := d.uvarint(0)
	return string(d[at : at+int(n)])
}

// value returns the Value that d was made of, fetched by id; Created is in UTC.
func (d details) value(id string) Value {
	at := 0
	number := func() (n uint64) {
		n, at = d.uvarint(at)
		return n
	}
	text := func() string {
		n := int(number())
		at += n
		return string(d[at-n : at])
	}
	v := Value{VersionID: text(), ARN: text(), Replica: text(), Name: id}
	if number() == nameInFull {
		v.Name = text()
	}
	zigzag := number()
	seconds := int64(zigzag>>1) ^ -int64(zigzag&1)
	packed := number()
	nanos := int64(packed >> 1)
	if packed&1 == 0 {
		nanos *= 1e6
	}
	v.Created = time.Unix(seconds, nanos).UTC()
	for at < len(d) {
		if i := number(); i > 0 {
			v.Stages = append(v.Stages, wellKnown[i-1])
		} else {
			v.Stages = append(v.Stages, text())
		}
	}
	return v
}
