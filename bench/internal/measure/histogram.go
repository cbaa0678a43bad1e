package measure

import (
	"math/bits"
	"time"
)

const (
	subBits    = 5 // 32 buckets between two powers of two: at most 3 % off
	subBuckets = 1 << subBits
	buckets    = (64 - subBits) * subBuckets
)

// A Histogram counts latencies. It is not safe for concurrent use: give each goroutine its
// own, and add them up with Merge.
type Histogram struct {
	counts [buckets]uint64
	n      uint64
	max    time.Duration
}

// Record counts d.
func (h *Histogram) Record(d time.Duration) {
	h.counts[bucket(d)]++
	h.n++
	h.max = max(h.max, d)
}

// RecordCorrected counts d. If d is longer than the interval between the caller's calls, it
// also counts the waits of the calls that could not begin meanwhile. That corrects what Gil
// Tene named coordinated omission.
func (h *Histogram) RecordCorrected(d, interval time.Duration) {
	h.Record(d)
	for rest := d - interval; interval > 0 && rest >= interval; rest -= interval {
		h.Record(rest)
	}
}

// Merge adds the counts of o.
func (h *Histogram) Merge(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// Count returns how many latencies were counted.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest, exactly.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns the q-quantile of the latencies, at most 3 % too high.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(q * float64(h.n))
	seen := uint64(0)
	for i, c := range h.counts {
		if seen += c; c > 0 && seen >= rank {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// bucket returns the index for d: exact below 64 ns, then the leading six bits.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift*subBuckets + int(v>>shift)
}

// upper returns the highest latency that belongs in bucket i.
func upper(i int) time.Duration {
	shift := max(i/subBuckets-1, 0)
	return time.Duration((uint64(i-shift*subBuckets)+1)<<shift - 1)
}
