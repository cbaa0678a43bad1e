package natsnotify_test

import (
	"net"
	"sync"
	"testing"
)

// A proxy is a network between a Receiver and its server, which may go silent.
type proxy struct {
	listener net.Listener

	mu          sync.Mutex // guards the rest
	connections int
	silent      int // so many of the first connections carry nothing
}

func startProxy(t *testing.T, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener}
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(func() { listener.Close() })
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			p.mu.Lock()
			p.connections++
			number := p.connections
			p.mu.Unlock()
			running.Go(func() { p.carry(number, client, upstream) })
			running.Go(func() { p.carry(number, upstream, client) })
		}
	})
	return p
}

// carry passes on what one side says, until it says no more.
func (p *proxy) carry(number int, from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		silent := number <= p.silent
		p.mu.Unlock()
		if !silent {
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			return
		}
	}
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// silence has the connections that there are carry nothing more, and stay open.
func (p *proxy) silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = p.connections
}
