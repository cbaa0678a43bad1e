//go:build !unix

package daemon

import "syscall"

// attr returns nothing: here is neither root nor a signal for orphans.
func (*Account) attr(syscall.Signal) *syscall.SysProcAttr { return nil }
