package pgtest

import (
	"fmt"
	"os"
	"syscall"
	"testing"
)

func TestRootRunsItAsAnotherUser(t *testing.T) {
	s := New(t)
	for _, path := range []string{s.dir, fmt.Sprintf("/proc/%d", s.process.PID())} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		uid := int(info.Sys().(*syscall.Stat_t).Uid)
		if uid == 0 || os.Geteuid() != 0 && uid != os.Geteuid() {
			t.Errorf("%s belongs to user %d, and this is user %d", path, uid, os.Geteuid())
		}
	}
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is open to others: %v, %v", info.Mode(), err)
	}
}
