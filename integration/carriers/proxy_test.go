package carriers_test

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// A proxy stands before a server. While it is closed, its connections break, and others are
// refused.
type proxy struct {
	url      string // of the server, through the proxy
	server   string // host and port
	listener net.Listener

	mu     sync.Mutex // guards the fields below
	closed bool
	conns  map[net.Conn]bool
}

func newProxy(t testing.TB, server string) *proxy {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host, conns: map[net.Conn]bool{}}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = p.listener.Addr().String()
	p.url = u.String()
	var carried sync.WaitGroup
	carried.Go(func() {
		for {
			near, err := p.listener.Accept()
			if err != nil {
				return
			}
			carried.Go(func() { p.carry(near) })
		}
	})
	t.Cleanup(func() {
		p.listener.Close()
		p.close()
		carried.Wait()
	})
	return p
}

// carry copies between a connection and the server until one of them ends.
func (p *proxy) carry(near net.Conn) {
	defer near.Close()
	if !p.enter(near) {
		return
	}
	defer p.leave(near)
	far, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer far.Close()
	if !p.enter(far) {
		return
	}
	defer p.leave(far)
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

// enter notes a connection, unless the proxy is closed.
func (p *proxy) enter(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.conns[c] = true
	}
	return !p.closed
}

func (p *proxy) leave(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// close closes the proxy until mend is called.
func (p *proxy) close() (mend func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for c := range p.conns {
		c.Close()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.closed = false
	}
}
