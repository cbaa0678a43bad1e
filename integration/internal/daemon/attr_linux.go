package daemon

import "syscall"

// attr returns the attributes with which a program runs as the account, and gets the signal
// when the thread that started it ends.
func (a *Account) attr(orphaned syscall.Signal) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: orphaned}
	if a != nil {
		attr.Credential = &syscall.Credential{Uid: uint32(a.UID), Gid: uint32(a.GID)}
	}
	return attr
}
