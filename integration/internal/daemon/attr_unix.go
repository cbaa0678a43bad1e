//go:build unix && !linux

package daemon

import "syscall"

// attr returns how to start a program: as the account. Here a program outlives a
// parent that dies without closing it.
func (a *Account) attr(syscall.Signal) *syscall.SysProcAttr {
	if a == nil {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}}
}
