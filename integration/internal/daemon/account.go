package daemon

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// Account is the operating system's user under which a program runs. The nil Account is
// that of this process.
type Account struct {
	Name     string
	UID, GID int
}

// Unprivileged returns an account for programs that refuse to run as root. If this process
// is root, it is the first of the accounts that exists; otherwise it is nil.
func Unprivileged(names ...string) (*Account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			continue
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			continue
		}
		return &Account{name, uid, gid}, nil
	}
	return nil, fmt.Errorf("this process is root and there is no account %q to run as", names)
}

// MkdirTemp makes a folder that belongs to the account, and that other users can't enter.
func (a *Account) MkdirTemp(pattern string) (string, error) {
	dir, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", err
	}
	if err := a.own(dir); err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}

// WriteFile writes a file that the account alone may read.
func (a *Account) WriteFile(path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	return a.own(path)
}

func (a *Account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, a.UID, a.GID)
}
