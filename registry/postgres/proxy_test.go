package postgres_test

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a store and its server, and cuts connections at COMMIT.
type proxy struct {
	t        *testing.T
	listener net.Listener
	server   string
	wait     sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  []net.Conn
	cut    func() (deliver bool) // nil: nothing is cut. Called once, before the COMMIT goes on or not
	down   bool                  // no new connections
}

func newProxy(t *testing.T, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t, listener: listener, server: server}
	p.wait.Go(p.run)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		p.closed = true
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wait.Wait()
	})
	return p
}

// url leads a URL of the server through the proxy.
func (p *proxy) url(url string) string {
	return strings.Replace(url, p.server, p.listener.Addr().String(), 1)
}

// atCommit has the next COMMIT cut.
func (p *proxy) atCommit(cut func() bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
}

// setDown refuses new connections, or takes them again.
func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

func (p *proxy) run() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		p.mu.Lock()
		if err != nil || p.closed || p.down {
			_ = client.Close()
			if err == nil {
				_ = server.Close()
			}
			p.mu.Unlock()
			continue
		}
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.wait.Go(func() { p.toServer(client, server) })
		p.wait.Go(func() {
			_, _ = io.Copy(client, server)
			_ = client.Close()
		})
	}
}

func (p *proxy) toServer(client, server net.Conn) {
	defer func() { _ = server.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if bytes.Contains(buf[:n], []byte("Q\x00\x00\x00\x0bcommit\x00")) {
			p.mu.Lock()
			cut := p.cut
			p.cut = nil
			p.mu.Unlock()
			if cut != nil {
				// The client sees its connection end before the server sees the message.
				_ = client.Close()
				if cut() {
					_, _ = server.Write(buf[:n])
					_, _ = io.Copy(io.Discard, io.LimitReader(server, 1)) // until it has answered
				}
				return
			}
		}
		if _, writeErr := server.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}
