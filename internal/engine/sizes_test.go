package engine_test

import (
	"testing"

	"github.com/typedsecret/typedsecret/internal/engine"
)

// TestEntriesAndSnapshotsAreSmall: the sizes of classes that Go allocates on 64 bits.
// There may be a million of each.
func TestEntriesAndSnapshotsAreSmall(t *testing.T) {
	if engine.EntrySize > 64 || engine.SnapshotSize > 80 {
		t.Errorf("an entry takes %d bytes, want 64 at most; a snapshot %d, want 80", engine.EntrySize, engine.SnapshotSize)
	}
}
