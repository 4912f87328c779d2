package postgres

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

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quiver-features/quiver/feature"
)

// Codes of the server (SQLSTATE) that something is made of.
const (
	serializationFailure = "40001"
	deadlock             = "40P01"
	readOnly             = "25006"
	tooManyConnections   = "53300"
	adminShutdown        = "57P01"
	crashShutdown        = "57P02"
	cannotConnectNow     = "57P03" // starting up, shutting down, recovering
	idleSession          = "57P05"
	idleTransaction      = "25P03"
)

// passing tells whether an error may be gone at the next try.
func (s *Store) passing(err error) bool {
	if feature.ErrorKind(err) != nil {
		return false
	}
	if answer := answerOf(err); answer != nil {
		switch answer.Code {
		case serializationFailure, deadlock, tooManyConnections, adminShutdown, crashShutdown, cannotConnectNow, idleSession, idleTransaction:
			return true
		case readOnly: // where it could be written before, another server has taken over
			return s.wrote.Load()
		}
		return strings.HasPrefix(answer.Code, "08") // poolers give all their errors such a code
	}
	return broken(err)
}

// outdated tells whether other connections of the pool will show the same error.
func outdated(err error) bool {
	answer := answerOf(err)
	return answer == nil || answer.Code != serializationFailure && answer.Code != deadlock && answer.Code != tooManyConnections
}

// answerOf gives what a server answered, where one did; of several that were
// tried, the first.
func answerOf(err error) *pgconn.PgError {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return nil
	}
	return answer
}

// broken tells whether an error is that of a network or a server that is away.
func broken(err error) bool {
	if badCertificate(err) {
		return false
	}
	var unknownHost *net.DNSError
	if errors.As(err, &unknownHost) {
		return !unknownHost.IsNotFound
	}
	var netErr net.Error
	return errors.As(err, &netErr) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, pgconn.ErrReadOnlyConnection) || errors.Is(err, pgconn.ErrStandbyConnection) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func badCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &verification) || errors.As(err, &unknown) || errors.As(err, &host) || errors.As(err, &record) || errors.As(err, &alert)
}

// wrap gives an error of the driver one of the kinds, names the registry, and says
// what to do. The driver's errors themselves are not wrapped, because they hold
// the password; those of contexts are. Errors that have a kind already stay what
// they are.
func (s *Store) wrap(operation string, err error, unsure bool) error {
	if err == nil || feature.ErrorKind(err) != nil {
		return err
	}
	where := "registry " + s.name + ": " + operation
	if unsure {
		where += ": the connection was lost while it was being committed, and nobody knows whether it took place: " +
			"look (quiver plan, quiver runs) before you do it again"
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if errors.Is(err, context.DeadlineExceeded) {
			where += ": the server did not answer in time"
		}
		return fmt.Errorf("%s: %w: %w", where, contextError(err), feature.ErrUnavailable)
	}
	if s.closed.Load() {
		return fmt.Errorf("%s: it is closed: %w", where, feature.ErrUnavailable)
	}
	text, kind := s.explain(err)
	return fmt.Errorf("%s: %s: %w", where, text, kind)
}

// contextError gives the bare error of the context.
func contextError(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	return context.DeadlineExceeded
}

// explain says what an error means and what to do.
func (s *Store) explain(err error) (string, error) {
	if answer := answerOf(err); answer != nil {
		return s.explainAnswer(answer)
	}
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case badCertificate(err):
		return "the server's certificate is not trusted, or it speaks no TLS: see sslmode and sslrootcert in the URL (" + certificateText(err) + ")", feature.ErrInvalid
	case strings.HasSuffix(err.Error(), "server refused TLS connection"): // all that the driver tells of it
		return "the server speaks no TLS, and sslmode in the URL wants it: turn ssl on at the server, or say sslmode=disable where nobody else is on the network", feature.ErrInvalid
	case errors.As(err, &dns):
		return "the host " + dns.Name + " is not known", feature.ErrUnavailable
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrStandbyConnection):
		return "none of the servers can be written: is there a primary?", feature.ErrUnavailable
	case errors.As(err, &op) && op.Op == "dial":
		return "the server can't be reached (" + op.Err.Error() + "): does it run, and are host and port right?", feature.ErrUnavailable
	case broken(err):
		return "the connection was lost, and trying again did not help", feature.ErrUnavailable
	}
	return "the server could not be asked (" + plain(err) + ")", feature.ErrUnavailable
}

func (s *Store) explainAnswer(answer *pgconn.PgError) (string, error) {
	said := fmt.Sprintf(" (%s, SQLSTATE %s)", answer.Message, answer.Code)
	switch answer.Code {
	case "28P01", "28000":
		return "the server refuses the user or the password" + said, feature.ErrInvalid
	case "3D000":
		return "there is no such database: have it created (CREATE DATABASE)" + said, feature.ErrInvalid
	case "42501":
		return "the user " + s.user + " may not do that: grant it the rights that docs/postgres.md lists for what it does" + said, feature.ErrInvalid
	case "42P01", "42703", "3F000", "42883":
		return "tables or columns of the registry are missing: restore it from a backup" + said, feature.ErrInvalid
	case "42704":
		return "the server does not take a parameter of the URL" + said + ": beside the server's own settings there are schema, statement_timeout, " +
			strings.Join(knownParameters(), ", "), feature.ErrInvalid
	case readOnly:
		return "the server can only be read: it is a standby, or was set so. Name the primary, or list all hosts and add target_session_attrs=read-write" + said, feature.ErrUnavailable
	case "57014":
		return "the server took too long, or waited too long for another process (statement_timeout in the URL sets how long it may take), and nothing was written" + said, feature.ErrUnavailable
	case tooManyConnections:
		return "the server has no connection left: let its clients have fewer (pool_max_conns in the URL), or put a pooler before it" + said, feature.ErrUnavailable
	case "53100":
		return "the server's disk is full, and nothing was written" + said, feature.ErrUnavailable
	}
	switch answer.Code[:min(2, len(answer.Code))] {
	case "22", "23":
		return "what was to be written contradicts itself or what is there, or can't be stored, and nothing was written" + said, feature.ErrInvalid
	}
	return "the server says: " + answer.Message + " (SQLSTATE " + answer.Code + ")", feature.ErrUnavailable
}

func certificateText(err error) string {
	var verification *tls.CertificateVerificationError
	if errors.As(err, &verification) {
		return verification.Err.Error()
	}
	return plain(err)
}

// plain gives an error's text without what pgx puts before it.
func plain(err error) string {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		err = connect.Unwrap()
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}
