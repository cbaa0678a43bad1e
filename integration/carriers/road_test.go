package carriers_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A road leads to a server. It can be closed: then its connections break, and others are
// refused.
type road struct {
	url      string // of the server, by this road
	server   string // host and port
	listener net.Listener

	mu     sync.Mutex // guards the fields below
	closed bool
	conns  map[net.Conn]bool
}

func newRoad(t testing.TB, server string) *road {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	r := &road{server: u.Host, conns: map[net.Conn]bool{}}
	if r.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = r.listener.Addr().String()
	r.url = u.String()
	var carried sync.WaitGroup
	carried.Go(func() {
		for {
			near, err := r.listener.Accept()
			if err != nil {
				return
			}
			carried.Go(func() { r.carry(near) })
		}
	})
	t.Cleanup(func() {
		r.listener.Close()
		r.close()
		carried.Wait()
	})
	return r
}

// carry copies between a connection and the server until one of them ends.
func (r *road) carry(near net.Conn) {
	defer near.Close()
	if !r.enter(near) {
		return
	}
	defer r.leave(near)
	far, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer far.Close()
	if !r.enter(far) {
		return
	}
	defer r.leave(far)
	done := make(chan struct{}, 2)
	for to, from := range map[net.Conn]net.Conn{near: far, far: near} {
		go func() {
			io.Copy(to, from)
			to.Close()
			from.Close()
			done <- struct{}{}
		}()
	}
	<-done
	<-done
}

// enter notes a connection, unless the road is closed.
func (r *road) enter(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.conns[c] = true
	}
	return !r.closed
}

func (r *road) leave(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// close closes the road until mend is called.
func (r *road) close() (mend func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for c := range r.conns {
		c.Close()
	}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.closed = false
	}
}
