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

// Version returns the version of the Creds, or -1.
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

// Sum is the result of Use for this package's payloads without padding.
const Sum = len("app") + len("hunter200000000") + len("db.internal") + 5432 + len("order")

// Use stands for a caller that uses the value. It reads every field, so that each contender
// has to produce the whole struct, the floor too. It is not inlined, so that the compiler
// can't remove any of the work.
//
//go:noinline
func Use(c *Creds) int {
	return len(c.Username) + len(c.Password) + len(c.Host) + c.Port + len(c.Database)
}
