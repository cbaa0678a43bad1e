package source

import "strconv"

// Creds is the typed value that all contenders return: a struct of five fields.
type Creds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Database string `json:"dbname"`
}

// Version returns the version that the Creds are of, or -1.
func (c *Creds) Version() int {
	const prefix = len("hunter2")
	if len(c.Password) < prefix+8 {
		return -1
	}
	v, err := strconv.Atoi(c.Password[prefix : prefix+8])
	if err != nil {
		return -1
	}
	return v
}

// Sum is what Use returns for Creds of this package's payloads without padding.
const Sum = len("app") + len("hunter200000000") + len("db.internal") + 5432 + len("order")

// Use stands for the caller that uses what it got. It reads every field, so that
// the whole struct has to be there, and it is not inlined, so that the compiler
// can't see that little comes of it: the floor has to produce as much as anybody.
//
//go:noinline
func Use(c *Creds) int {
	return len(c.Username) + len(c.Password) + len(c.Host) + c.Port + len(c.Database)
}
