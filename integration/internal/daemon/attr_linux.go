package daemon

import "syscall"

// attr returns how to start a program: as the account, and to be sent the signal
// when the thread that starts it ends.
func (a *Account) attr(orphaned syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: orphaned}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
	return attr
}
