package redistest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// SetUser makes password the only one of a user, and creates the user if there is none. The
// user may execute every command. Open sessions of the user go on. A login with a former
// password is refused from now on. The user default is reserved for this package.
func (s *Server) SetUser(ctx context.Context, user, password string) error {
	if user == admin {
		return fmt.Errorf("redistest: SETUSER %q: it is how the test server is administered", user)
	}
	// Redis takes a hash in place of the password, so that no error or log can show the
	// password.
	sum := sha256.Sum256([]byte(password))
	hash := hex.EncodeToString(sum[:])
	err := s.admin.Do(ctx, "ACL", "SETUSER", user,
		"on", "resetpass", "#"+hash, "allkeys", "allchannels", "allcommands").Err()
	if err != nil {
		return fmt.Errorf("redistest: SETUSER %q: %w", user, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == nil {
		s.users = map[string]string{}
	}
	s.users[user] = hash
	return nil
}

// SetPassword calls SetUser; package rotation needs a method of this name.
func (s *Server) SetPassword(ctx context.Context, user, password string) error {
	return s.SetUser(ctx, user, password)
}

// CheckLogin opens a session and closes it. If the server refuses the password,
// the error begins with WRONGPASS.
func (s *Server) CheckLogin(ctx context.Context, user, password string) error {
	return login(ctx, s.Addr(), user, password)
}

// Sessions returns how many sessions a user has.
func (s *Server) Sessions(ctx context.Context, user string) (int, error) {
	list, err := s.admin.Do(ctx, "CLIENT", "LIST").Text()
	if err != nil {
		return 0, err
	}
	n := 0
	for line := range strings.Lines(list) {
		for field := range strings.FieldsSeq(line) {
			if field == "user="+user {
				n++
			}
		}
	}
	return n, nil
}

func login(ctx context.Context, addr, user, password string) error {
	c := client(addr, user, password)
	defer c.Close()
	return c.Ping(ctx).Err()
}

// client returns a client that tries each command once, so that an error is the server's
// first answer.
func client(addr, user, password string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, Username: user, Password: password,
		MaxRetries: -1, DialerRetries: 1, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}
