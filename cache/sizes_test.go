package cache_test

import (
	"testing"

	"github.com/typedsecret/typedsecret/cache"
)

// TestEntriesAndSnapshotsAreSmall: the sizes of classes that Go allocates on 64 bits.
// There may be a million of each.
func TestEntriesAndSnapshotsAreSmall(t *testing.T) {
	if cache.EntrySize > 64 || cache.SnapshotSize > 80 {
		t.Errorf("an entry takes %d bytes, want 64 at most; a snapshot %d, want 80", cache.EntrySize, cache.SnapshotSize)
	}
}
