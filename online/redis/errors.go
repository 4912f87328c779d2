package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
)

// failed wraps an error of the driver with what was done, where, and its kind.
func (l *links) failed(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	hint, kind := l.ofServer(err)
	if kind == nil {
		hint, kind = l.ofConnection(err)
	}
	// The driver gives a network timeout where the context's deadline has passed.
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && ended == nil && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded
	}
	if ended != nil && !errors.Is(err, ended) {
		err = errors.Join(err, ended)
	}
	return fmt.Errorf("online/redis: %s at %s%s: %w: %w", what, l.where, hint, kind, oneLine{err})
}

// oneLine is an error made of several, such as those of all sentinels, for messages and
// logs that have a line for each error.
type oneLine struct{ err error }

// Error gives the texts, one after the other.
func (e oneLine) Error() string { return strings.ReplaceAll(e.err.Error(), "\n", "; ") }

// Unwrap gives the errors.
func (e oneLine) Unwrap() error { return e.err }

// ofServer tells of an error that a server answered whether trying again may help, and what
// else would. nil: it is none of those known.
func (l *links) ofServer(err error) (hint string, kind error) {
	is := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if driver.HasErrorPrefix(err, p) {
				return true
			}
		}
		return false
	}
	switch {
	case is("NOAUTH", "WRONGPASS", "NOPERM"):
		return " (check user and password in the URL, and what the user may do)", feature.ErrInvalid
	case is("WRONGTYPE"):
		return " (another program uses the same keys: choose another prefix, as in ?prefix=team- at the end of the URL)", feature.ErrInvalid
	case is("OOM"):
		return " (the server's memory is full: raise its maxmemory)", feature.ErrUnavailable
	case is("READONLY"):
		return " (this server is a replica: give the address of the one that takes writes)", feature.ErrUnavailable
	case l.cluster == nil && is("MOVED"):
		return " (this server is part of a cluster: write redis-cluster:// in the URL, or rediss-cluster:// for TLS)", feature.ErrInvalid
	case is("DB index is out of range"):
		return " (the server has fewer databases than that: give a smaller number behind the host in the URL)", feature.ErrInvalid
	case l.sentinels && is("unknown command 'sentinel'"):
		return " (what answers there is no sentinel: give the addresses of the sentinels, whose port is 26379 as a rule)", feature.ErrInvalid
	case l.sentinels && errors.Is(err, driver.Nil): // of every one that answered
		return " (the sentinels watch no master of that name: the name stands behind their addresses in the URL)", feature.ErrInvalid
	case !l.sentinels && is("unknown command 'get'"):
		return " (a sentinel answers there: write redis-sentinel://HOST:PORT/MASTER, or the address of the server that it watches)", feature.ErrInvalid
	case is("This instance has cluster support disabled"):
		return " (this server is not part of a cluster: write redis:// in the URL, or rediss:// for TLS)", feature.ErrInvalid
	}
	return "", nil
}

// ofConnection tells the same of an error of a connection.
func (l *links) ofConnection(err error) (hint string, kind error) {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var cert x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var remote *net.OpError
	switch {
	case errors.As(err, &unknown):
		return " (no known authority has signed the server's certificate: give the one that did by ?ca_file=FILE in the URL)", feature.ErrInvalid
	case errors.As(err, &name):
		return " (the server's certificate is for another name: give the one to expect by ?server_name=NAME in the URL)", feature.ErrInvalid
	case errors.As(err, &cert):
		return " (the server's certificate is not valid)", feature.ErrInvalid
	case errors.As(err, &record):
		return " (the server does not speak TLS at this port: give its TLS port, or write redis in place of rediss)", feature.ErrInvalid
	case l.secure && errors.As(err, &remote) && remote.Op == "remote error":
		return " (the server refuses this side's certificate, or the lack of one: give ?cert_file=FILE&key_file=FILE in the URL)", feature.ErrInvalid
	case l.secure && errors.Is(err, context.DeadlineExceeded):
		return " (no answer in time; where this port does not speak TLS, give its TLS port, or write redis in place of rediss)", feature.ErrUnavailable
	case l.secure && closed(err):
		return " (the server closed the connection; where it asks for a certificate, give ?cert_file=FILE&key_file=FILE in the URL)", feature.ErrUnavailable
	case closed(err):
		return " (the server closed the connection; where this port speaks TLS, write rediss in place of redis)", feature.ErrUnavailable
	}
	return "", feature.ErrUnavailable
}

func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
