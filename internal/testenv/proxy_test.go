package testenv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // a hang, not a measure
		t.Fatal(err)
	}
	return c
}

// say sends a text and gives what comes back, as long as the text.
func say(c net.Conn, text string) (string, error) {
	if _, err := io.WriteString(c, text); err != nil {
		return "", err
	}
	buf := make([]byte, len(text))
	n, err := io.ReadFull(c, buf)
	return string(buf[:n]), err
}

// sayOnce connects, which may be refused already, and says a text.
func sayOnce(t *testing.T, addr, text string) error {
	t.Helper()
	c, err := (&net.Dialer{Timeout: 20 * time.Second}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = say(c, text)
	return err
}

func expectEcho(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if got, err := say(c, text); err != nil || got != text {
		t.Fatalf("echo of %d bytes: got %d bytes, %v", len(text), len(got), err)
	}
}

func expectReset(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Fatalf("got %v, want a connection that was reset", err)
	}
}

func TestAProxyPassesRefusesAndCuts(t *testing.T) {
	p := Proxy(t, echo(t))
	c := dial(t, p.Addr())
	expectEcho(t, c, string(bytes.Repeat([]byte("a"), 3*proxyChunk)))
	p.Cut()
	_, err := say(c, "x")
	expectReset(t, err)
	c = dial(t, p.Addr())
	expectEcho(t, c, "again")
	p.Refuse()
	_, err = say(c, "x")
	expectReset(t, err)
	expectReset(t, sayOnce(t, p.Addr(), "x"))
	p.Pass()
	expectEcho(t, dial(t, p.Addr()), "back")
	if n := p.Accepted(); n != 4 {
		t.Errorf("accepted %d connections, want 4", n)
	}
}

func TestAProxyHoldsAndLetsGo(t *testing.T) {
	p := Proxy(t, echo(t))
	open := dial(t, p.Addr())
	expectEcho(t, open, "before")
	p.Blackhole()
	late := dial(t, p.Addr())
	for _, c := range []net.Conn{open, late} {
		if _, err := io.WriteString(c, "held"); err != nil {
			t.Fatal(err)
		}
	}
	if err := open.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := open.Read(make([]byte, 4)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("a held connection gave %d bytes, %v", n, err)
	}
	p.Slow(time.Millisecond)
	for _, c := range []net.Conn{open, late} {
		if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4)
		if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "held" {
			t.Fatalf("after the hold: got %q, %v", buf, err)
		}
	}
	expectEcho(t, late, "slowly")
}

func TestAProxyCutsAfterSoManyBytes(t *testing.T) {
	p := Proxy(t, echo(t))
	c := dial(t, p.Addr())
	p.CutAfterReceived(5)
	expectEcho(t, c, "abc")
	got, err := say(c, "defg")
	expectReset(t, err)
	if len(got) > 2 {
		t.Errorf("%q came back, of which 2 bytes were allowed", got)
	}
	expectReset(t, sayOnce(t, p.Addr(), "x"))
	p.CutAfterSent(4)
	expectReset(t, sayOnce(t, p.Addr(), "abcdef"))
	p.Pass()
	expectEcho(t, dial(t, p.Addr()), "whole")
}

func TestAProxyOfNothingResets(t *testing.T) {
	p := Proxy(t, "127.0.0.1:1")
	expectReset(t, sayOnce(t, p.Addr(), "x"))
}

func TestAProxyEndsWithItsTest(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for name, mode := range map[string]func(*TCPProxy){
		"pass": (*TCPProxy).Pass, "blackhole": (*TCPProxy).Blackhole, "slow": func(p *TCPProxy) { p.Slow(time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			server, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = server.Close() }()
			p := Proxy(t, server.Addr().String())
			c := dial(t, p.Addr())
			mode(p)
			if _, err := io.WriteString(c, "x"); err != nil {
				t.Fatal(err)
			}
		})
	}
	goleak.VerifyNone(t, before)
}
