package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/quiver-features/quiver/feature"
)

// TimeoutHeader carries the time that a client gives a call over HTTP, in whole
// milliseconds; gRPC has its own. Where there is none the layer's default holds.
const TimeoutHeader = "X-Timeout-Ms"

// maxTimeout is the longest time that a client can give a call over HTTP: behind
// it the server gives up writing to a client that does not read.
const maxTimeout = time.Minute

// HTTP takes HTTP requests through the layer, as calls of the method given: a
// name from a small, fixed set. Errors that handle returns are sent as problem
// JSON (RFC 9457); it has written nothing then, or the connection is cut. The
// context of its request ends with the call's deadline.
//
// The request id is read from and sent in X-Request-Id, the deadline is read from
// TimeoutHeader unless the call is exempt, and a body is cut off behind
// Options.MaxMessageBytes.
func (l *Layer) HTTP(method string, exempt bool, handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		call := Call{Method: method, Transport: "http", RequestID: CheckedID(oneHeader(r, "X-Request-Id")), Exempt: exempt}
		w.Header().Set("X-Request-Id", call.RequestID)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		ctx, cancel, timeoutErr := contextOf(r, exempt)
		defer cancel()
		if r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, int64(l.opts.MaxMessageBytes))
		}
		answer := &tracked{ResponseWriter: w}
		err := l.Do(ctx, call, func(ctx context.Context) error {
			if timeoutErr != nil {
				return timeoutErr
			}
			return handle(answer, r.WithContext(ctx))
		})
		if err != nil {
			answer.fail(ErrorOf(err, call.RequestID), call.RequestID)
		}
	})
}

// oneHeader gives the value of a header, named in its canonical form, that was sent
// once, else "".
func oneHeader(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

func contextOf(r *http.Request, exempt bool) (context.Context, context.CancelFunc, error) {
	sent := r.Header[TimeoutHeader]
	if len(sent) == 0 || exempt {
		return r.Context(), func() {}, nil
	}
	ms, err := strconv.ParseUint(sent[0], 10, 32)
	limit := time.Duration(ms) * time.Millisecond
	if err != nil || len(sent) > 1 || limit == 0 || limit > maxTimeout {
		return r.Context(), func() {}, timeoutError{}
	}
	ctx, cancel := context.WithTimeout(r.Context(), limit)
	return ctx, cancel, nil
}

// timeoutError is a TimeoutHeader that can't be right.
type timeoutError struct{}

func (e timeoutError) Error() string {
	field, message := e.Problem()
	return "header " + field + ": " + message
}

func (timeoutError) Unwrap() error { return feature.ErrInvalid }

// Problem gives the header's name and what it should be.
func (timeoutError) Problem() (field, message string) {
	return TimeoutHeader, fmt.Sprintf("expected one whole number from 1 to %d, in milliseconds", maxTimeout.Milliseconds())
}

// tracked is a response of which is known whether it has begun.
type tracked struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader is part of http.ResponseWriter.
func (t *tracked) WriteHeader(status int) {
	t.begun = true
	t.ResponseWriter.WriteHeader(status)
}

// Write is part of http.ResponseWriter.
func (t *tracked) Write(b []byte) (int, error) {
	t.begun = true
	return t.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *tracked) fail(e *Error, requestID string) {
	if t.begun {
		panic(http.ErrAbortHandler) // net/http closes the connection: half an answer must not look whole
	}
	writeProblem(t.ResponseWriter, e, requestID)
}

// ReadBody appends the body of a request of Layer.HTTP to into, and gives what
// is there even with an error. It wraps feature.ErrTooLarge for a body beyond
// the layer's limit, context.DeadlineExceeded where it did not arrive in the time
// that the call has, and feature.ErrInvalid where it is broken.
func ReadBody(w http.ResponseWriter, r *http.Request, into []byte) ([]byte, error) {
	if deadline, has := r.Context().Deadline(); has {
		// A connection that has no deadlines (of a test) waits as long as the client does.
		_ = http.NewResponseController(w).SetReadDeadline(deadline)
	}
	// What a client says of the length is believed up to a point.
	into = slices.Grow(into, int(min(max(r.ContentLength, 0), 64<<10))+512)
	for {
		if len(into) == cap(into) {
			into = slices.Grow(into, 512)
		}
		n, err := r.Body.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			return into, nil
		default:
			return into, bodyError(r.Context(), err)
		}
	}
}

func bodyError(ctx context.Context, err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return fmt.Errorf("the request's body is longer than %d bytes, the most that this server takes: split the request: %w", tooLarge.Limit, feature.ErrTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the request's body did not arrive in time: %w", context.DeadlineExceeded)
	case ctx.Err() != nil:
		return fmt.Errorf("read the request's body: %w", ctx.Err())
	default:
		return fmt.Errorf("the request's body ended early or is broken: %w", feature.ErrInvalid)
	}
}

// NotFound is the answer for a path that is not there.
func NotFound(known string) error {
	return &Error{Code: codes.NotFound, Message: "there is nothing at this path: there are " + known}
}

// NotAllowed is the answer for a method that a path does not have. The header
// Allow, which names those that it has, is set by the caller.
func NotAllowed(allowed string) error {
	return &Error{Code: codes.Unimplemented, status: http.StatusMethodNotAllowed, Message: "this path takes " + allowed + " only"}
}

// UnsupportedMedia is the answer for a body that can't be read for its type.
func UnsupportedMedia(message string) error {
	return &Error{Code: codes.InvalidArgument, status: http.StatusUnsupportedMediaType, Message: message}
}

// Forbidden is the answer to a caller that may not ask.
func Forbidden(message string) error {
	return &Error{Code: codes.PermissionDenied, Message: message}
}
