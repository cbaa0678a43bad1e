package pgtest

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/typedsecret/typedsecret/integration/internal/daemon"
)

// hba requires a password of every user. It has no line for unix sockets, since the server
// has none.
const hba = "host all all 127.0.0.1/32 scram-sha-256\n"

// initdb makes the cluster.
func (s *Server) initdb(program string, account *daemon.Account) error {
	pwfile := filepath.Join(s.dir, "password") // a file, since other users can see arguments
	if err := account.WriteFile(pwfile, []byte(s.password+"\n")); err != nil {
		return err
	}
	p, err := daemon.Start(daemon.Command{
		Path: program,
		Args: []string{
			"-D", s.data(), "-U", superuser, "--pwfile", pwfile,
			"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync",
		},
		Dir: s.dir, Log: filepath.Join(s.dir, "initdb.log"), Account: account,
		Stop: syscall.SIGTERM, Orphaned: syscall.SIGKILL,
	})
	if err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	if err := p.Wait(s.cfg.StartTimeout); err != nil {
		return fmt.Errorf("initdb: %w", errors.Join(err, p.Close(0)))
	}
	return account.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(hba))
}
