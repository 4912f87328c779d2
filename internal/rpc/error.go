package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quiver-features/quiver/feature"
)

// ErrOverloaded is a call that was turned away because too many were under way.
// Trying again later helps.
var ErrOverloaded = errors.New("overloaded")

// Error is an error as a client sees it. It stands for one that the server knows
// more about; errors.Is and errors.As still find that one.
type Error struct {
	Code    codes.Code
	Message string
	status  int // the HTTP status, where the code does not tell it; 0: it does
	cause   error
}

// Error gives the message, with the code in front.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Unwrap gives the error that this one stands for.
func (e *Error) Unwrap() error { return e.cause }

// detail is what the server's log tells.
func (e *Error) detail() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return e.Message
}

// GRPCStatus is how gRPC sends the error.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// HTTPStatus is the status code with which HTTP sends the error.
func (e *Error) HTTPStatus() int {
	if e.status != 0 {
		return e.status
	}
	if errors.Is(e.cause, feature.ErrTooLarge) {
		return http.StatusRequestEntityTooLarge
	}
	switch e.Code {
	case codes.OK:
		return http.StatusOK
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.NotFound:
		return http.StatusNotFound
	case codes.Aborted, codes.AlreadyExists:
		return http.StatusConflict
	case codes.Canceled:
		return 499 // the client closed the request: customary, though no standard names it
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable, codes.ResourceExhausted: // too much for the server, not by one client
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}

// ErrorOf is the one mapping from errors of Quiver to codes; nil stays nil. The
// kinds of package feature keep their message, but for the kind's own words at its end. What is none of them is a fault of
// the server: its text, which may name hosts and paths, stays in the server's
// log, and the client gets the request id to ask with.
func ErrorOf(err error, requestID string) *Error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	// A store whose context ended wraps ErrUnavailable too: the context first.
	code := codes.Internal
	switch {
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case errors.Is(err, ErrOverloaded):
		code = codes.ResourceExhausted
	case errors.Is(err, feature.ErrInvalid), errors.Is(err, feature.ErrTooLarge):
		code = codes.InvalidArgument
	case errors.Is(err, feature.ErrNotFound):
		code = codes.NotFound
	case errors.Is(err, feature.ErrConflict):
		code = codes.Aborted
	case errors.Is(err, feature.ErrUnavailable):
		code = codes.Unavailable
	}
	if code == codes.Internal {
		if s, ok := status.FromError(err); ok {
			return &Error{Code: s.Code(), Message: s.Message(), cause: err}
		}
		return &Error{Code: code, Message: "internal error; the server's log tells more under request id " + requestID, cause: err}
	}
	return &Error{Code: code, Message: withoutKind(err.Error()), cause: err}
}

// withoutKind is a message without the kind of its error behind it, which the code says
// and the text before has explained.
func withoutKind(message string) string {
	for _, kind := range [...]error{
		ErrOverloaded, feature.ErrInvalid, feature.ErrNotFound, feature.ErrConflict, feature.ErrUnavailable, feature.ErrTooLarge,
	} {
		if before, ends := strings.CutSuffix(message, ": "+kind.Error()); ends {
			return before
		}
	}
	return message
}
