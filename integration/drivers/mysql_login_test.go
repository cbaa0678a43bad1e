package drivers_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/typedsecret/typedsecret/rejected"
)

// TestLoginsOfMySQL checks the error of go-sql-driver when a server refuses a login by
// caching_sha2_password, the default of MySQL 8. No such server can be installed from
// Debian, so the test plays it: with a password that the server has in its cache, and with
// one for which it sends its public key first.
func TestLoginsOfMySQL(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	for name, play := range map[string]func(*mysqlServer, uint16){
		"cached": func(s *mysqlServer, code uint16) {
			s.read() // the login
			s.refuse(code)
		},
		"full": func(s *mysqlServer, code uint16) {
			s.read()                    // the login
			s.write([]byte{0x01, 0x04}) // AuthMoreData: perform the full authentication
			if asks := s.read(); len(asks) != 1 || asks[0] != 0x02 {
				t.Errorf("the driver asks for no public key, but sends %x", asks)
			}
			s.write(append([]byte{0x01}, public...))
			s.read() // the password, encrypted
			s.refuse(code)
		},
	} {
		for code, want := range map[uint16]bool{1045: true, 3118: true, 3955: true, 1862: true, 1040: false, 1049: false} {
			t.Run(name, func(t *testing.T) {
				config := mysql.NewConfig()
				config.User, config.Passwd, config.DBName = "app", "old", "app"
				config.DialFunc = dialer(func(c net.Conn) {
					s := &mysqlServer{c: c}
					s.write(greeting())
					play(s, code)
				})
				connector, err := mysql.NewConnector(config)
				if err != nil {
					t.Fatal(err)
				}
				db := sql.OpenDB(connector)
				defer db.Close()
				err = db.PingContext(t.Context())
				if answer, ok := errors.AsType[*mysql.MySQLError](err); !ok || answer.Number != code {
					t.Fatalf("error is %v, want %d", err, code)
				}
				if got := rejected.MySQL(err); got != want {
					t.Errorf("a refusal: %v, want %v: %v", got, want, err)
				}
			})
		}
	}
}

// A mysqlServer writes and reads packets of MySQL's protocol.
type mysqlServer struct {
	c   net.Conn
	seq byte
}

func (s *mysqlServer) write(payload []byte) {
	n := len(payload)
	s.c.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16), s.seq}, payload...))
	s.seq++
}

func (s *mysqlServer) read() []byte {
	head := make([]byte, 4)
	if _, err := io.ReadFull(s.c, head); err != nil {
		return nil
	}
	payload := make([]byte, int(head[0])|int(head[1])<<8|int(head[2])<<16)
	io.ReadFull(s.c, payload)
	s.seq = head[3] + 1
	return payload
}

func (s *mysqlServer) refuse(code uint16) {
	s.write(append(binary.LittleEndian.AppendUint16([]byte{0xff}, code), "#28000no"...))
}

// greeting is the packet Protocol::HandshakeV10 of a server that wants
// caching_sha2_password.
func greeting() []byte {
	const (
		protocol41, secureConnection, pluginAuth, connectWithDB = 1 << 9, 1 << 15, 1 << 19, 1 << 3

		capabilities uint32 = protocol41 | secureConnection | pluginAuth | connectWithDB
	)
	p := append([]byte{10}, "8.0.0\x00"...)
	p = append(p, 1, 0, 0, 0)    // the connection's number
	p = append(p, "saltsalt"...) // the first 8 bytes of the salt
	p = append(p, 0)             // a filler
	p = binary.LittleEndian.AppendUint16(p, uint16(capabilities&0xffff))
	p = append(p, 255, 2, 0) // utf8mb4, and the status AUTOCOMMIT
	p = binary.LittleEndian.AppendUint16(p, uint16(capabilities>>16))
	p = append(p, 21) // the salt's length, with a NUL
	p = append(p, make([]byte, 10)...)
	p = append(p, "saltsaltsalt\x00"...)
	return append(p, "caching_sha2_password\x00"...)
}
