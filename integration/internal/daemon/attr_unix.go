//go:build unix && !linux

package daemon

import "syscall"

// attr returns the attributes with which a program runs as the account. On this system a
// program outlives a parent that dies without closing it.
func (a *Account) attr(syscall.Signal) *syscall.SysProcAttr {
	if a == nil {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}}
}
