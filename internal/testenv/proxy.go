package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxyChunk is how much a proxy passes on at a time.
const proxyChunk = 4 << 10

// TCPProxy stands between clients and a server and behaves as networks and dying servers do. It starts by
// passing everything on; its methods change what it does, for connections that are open and for new ones.
// They are safe for concurrent use.
type TCPProxy struct {
	target   string
	listener net.Listener
	ctx      context.Context //nolint:containedctx // the proxy's own life, which its cleanup ends
	workers  sync.WaitGroup

	mu      sync.Mutex
	mode    proxyMode
	changed chan struct{} // closed when the mode changes
	conns   map[net.Conn]bool
	passed  [2]int64 // bytes passed on since the mode was set: to the server, from the server
	taken   atomic.Int64
}

// proxyMode is what happens to bytes. The zero mode passes all of them on at once.
type proxyMode struct {
	refuse bool          // new connections are reset
	hold   bool          // nothing is passed on
	delay  time.Duration // before each chunk
	cutAt  [2]int64      // bytes to and from the server after which all connections are reset; 0: never
}

// The directions of a connection.
const (
	toServer = iota
	fromServer
)

// Proxy starts a proxy of a server that listens, or will listen, on target. It ends with the test, and has
// closed all connections then.
func Proxy(tb testing.TB, target string) *TCPProxy {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("testenv: proxy: %v", err)
	}
	// Not the test's context, which ends before the cleanups run, in which clients may still say goodbye.
	ctx, cancel := context.WithCancel(context.Background())
	p := &TCPProxy{target: target, listener: listener, ctx: ctx, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.workers.Go(p.accept)
	tb.Cleanup(func() {
		cancel()
		_ = listener.Close()
		p.Cut()
		p.workers.Wait()
	})
	return p
}

// Addr returns host:port of the proxy.
func (p *TCPProxy) Addr() string { return p.listener.Addr().String() }

// Accepted returns how many connections there have been, those that were refused included.
func (p *TCPProxy) Accepted() int { return int(p.taken.Load()) }

// Pass passes everything on at once.
func (p *TCPProxy) Pass() { p.set(proxyMode{}) }

// Refuse resets open connections and every new one, as a host does on which nothing listens.
func (p *TCPProxy) Refuse() {
	p.set(proxyMode{refuse: true})
	p.Cut()
}

// Blackhole keeps connections open and takes new ones, and passes nothing on, as a server that hangs or a
// firewall that drops packets. Bytes that are held go on when the mode changes.
func (p *TCPProxy) Blackhole() { p.set(proxyMode{hold: true}) }

// Slow waits before each 4 KiB or less that it passes on, in each direction.
func (p *TCPProxy) Slow(delay time.Duration) { p.set(proxyMode{delay: delay}) }

// CutAfterSent passes n bytes on to the server, counted over all connections from now on, then resets
// every connection and refuses new ones.
func (p *TCPProxy) CutAfterSent(n int64) { p.set(proxyMode{cutAt: [2]int64{toServer: max(n, 1)}}) }

// CutAfterReceived is CutAfterSent for the bytes that come from the server.
func (p *TCPProxy) CutAfterReceived(n int64) {
	p.set(proxyMode{cutAt: [2]int64{fromServer: max(n, 1)}})
}

// Cut resets the connections that are open; new ones are taken as the mode says.
func (p *TCPProxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

func (p *TCPProxy) set(m proxyMode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode, p.passed = m, [2]int64{}
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *TCPProxy) current() (proxyMode, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mode, p.changed
}

// own takes a connection into the set of those that Cut resets, unless the proxy has ended or refuses.
func (p *TCPProxy) own(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil || p.mode.refuse {
		reset(c)
		return false
	}
	p.conns[c] = true
	return true
}

func (p *TCPProxy) disown(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
	_ = c.Close()
}

func (p *TCPProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.taken.Add(1)
		p.workers.Go(func() { p.serve(client) })
	}
}

// serve carries one connection until an end closes it or it is cut. The server is dialled when there is
// something to pass on, so that a client of a server that hangs is connected all the same.
func (p *TCPProxy) serve(client net.Conn) {
	if !p.own(client) {
		return
	}
	defer p.disown(client)
	if err := p.wait(); err != nil {
		return
	}
	server, err := (&net.Dialer{}).DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	if !p.own(server) {
		reset(client)
		return
	}
	defer p.disown(server)
	var back sync.WaitGroup
	back.Go(func() { p.carry(client, server, fromServer) })
	p.carry(server, client, toServer)
	back.Wait()
}

// carry copies one direction. Its end is passed on as an end of that direction alone.
func (p *TCPProxy) carry(to, from net.Conn, direction int) {
	buf := make([]byte, proxyChunk)
	for {
		n, readErr := from.Read(buf)
		if n > 0 {
			if err := p.wait(); err != nil {
				return
			}
			allowed, cut := p.allow(direction, n)
			if _, err := to.Write(buf[:allowed]); err != nil {
				reset(from)
				return
			}
			if cut {
				p.Cut()
				return
			}
		}
		switch {
		case errors.Is(readErr, io.EOF):
			if tcp, ok := to.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		case readErr != nil:
			reset(to)
			return
		}
	}
}

// wait holds a chunk as long as the mode says.
func (p *TCPProxy) wait() error {
	for {
		mode, changed := p.current()
		if !mode.hold && mode.delay == 0 {
			return nil
		}
		var after <-chan time.Time
		if !mode.hold {
			after = time.After(mode.delay)
		}
		select {
		case <-after:
			return nil
		case <-changed:
		case <-p.ctx.Done():
			return fmt.Errorf("the proxy ended: %w", p.ctx.Err())
		}
	}
}

// allow counts n bytes and tells how many of them may go on, and whether that was the last.
func (p *TCPProxy) allow(direction, n int) (allowed int, cut bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.mode.cutAt[direction]
	left := at - p.passed[direction]
	p.passed[direction] += int64(n)
	if at == 0 || int64(n) < left {
		return n, false
	}
	p.mode.refuse = true
	return int(max(left, 0)), true
}

// reset closes a connection with RST, so that its other end sees an error and not an end.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
