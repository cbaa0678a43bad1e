//go:build !unix

package daemon

import "syscall"

// attr returns nil, since this system has neither root nor a signal for orphans.
func (*Account) attr(syscall.Signal) *syscall.SysProcAttr { return nil }
