package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"

	"github.com/quiver-features/quiver/feature"
)

// Options are the limits of a Layer. A zero field means its default.
type Options struct {
	MaxInFlight     int           // calls under way at once; more are turned away. Default 1,024
	MaxMessageBytes int           // of a request. Default 4 MiB
	DefaultTimeout  time.Duration // for calls whose client gives no deadline. Default 5 s
	DrainTimeout    time.Duration // how long calls may go on after a shutdown began. Default 10 s
	SlowCall        time.Duration // calls that took this long are warnings in the log. Default 1 s
}

// withDefaults fills in what is zero.
func (o Options) withDefaults() Options {
	if o.MaxInFlight == 0 {
		o.MaxInFlight = 1024
	}
	if o.MaxMessageBytes == 0 {
		o.MaxMessageBytes = 4 << 20
	}
	if o.DefaultTimeout == 0 {
		o.DefaultTimeout = 5 * time.Second
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 10 * time.Second
	}
	if o.SlowCall == 0 {
		o.SlowCall = time.Second
	}
	return o
}

// Validate tells everything that is wrong with the options at once; its error
// wraps feature.ErrInvalid.
func (o Options) Validate() error {
	var problems []error
	for _, f := range []struct {
		name  string
		value int64
	}{
		{"MaxInFlight", int64(o.MaxInFlight)},
		{"MaxMessageBytes", int64(o.MaxMessageBytes)},
		{"DefaultTimeout", int64(o.DefaultTimeout)},
		{"DrainTimeout", int64(o.DrainTimeout)},
		{"SlowCall", int64(o.SlowCall)},
	} {
		if f.value < 0 {
			problems = append(problems, fmt.Errorf("%s is negative: %w", f.name, feature.ErrInvalid))
		}
	}
	return errors.Join(problems...)
}

// Call is what a transport knows of a call before it is handled.
type Call struct {
	Method    string // a name from a small, fixed set: it becomes a metric's label
	Transport string // "grpc" or "http"
	RequestID string // empty: none was sent, and one is made
	Exempt    bool   // never shed and without a default deadline: health, reflection
}

// Layer is what all calls of a process go through. It is safe for concurrent
// use.
type Layer struct {
	opts    Options
	log     *slog.Logger
	slots   chan struct{}
	metrics *metrics
	drained atomic.Bool
}

// New makes a Layer. Its metrics are registered with reg, where they must not be
// yet.
func New(opts Options, log *slog.Logger, reg prometheus.Registerer) (*Layer, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("rpc: %w", err)
	}
	m, err := newMetrics(reg)
	if err != nil {
		return nil, fmt.Errorf("rpc: register metrics: %w", err)
	}
	opts = opts.withDefaults()
	return &Layer{opts: opts, log: log, slots: make(chan struct{}, opts.MaxInFlight), metrics: m}, nil
}

// Options gives the options with their defaults filled in.
func (l *Layer) Options() Options { return l.opts }

// Drain says that the process is about to end. The servers of the layer say it
// when their contexts end; there is no way back.
func (l *Layer) Drain() { l.drained.Store(true) }

// Draining tells whether Drain was called: calls are still answered, but the next
// ones are better sent elsewhere.
func (l *Layer) Draining() bool { return l.drained.Load() }

// state is what a call's context carries.
type state struct {
	id    string
	attrs []slog.Attr
}

type stateKey struct{}

// RequestID gives the id of the call that the context belongs to, or "".
func RequestID(ctx context.Context) string {
	if s, ok := ctx.Value(stateKey{}).(*state); ok {
		return s.id
	}
	return ""
}

// Describe adds attributes to the log line of the call that the context belongs to, if
// any. It is for the goroutine that handles the call.
func Describe(ctx context.Context, attrs ...slog.Attr) {
	if s, ok := ctx.Value(stateKey{}).(*state); ok {
		s.attrs = append(s.attrs, attrs...)
	}
}

// CheckedID gives the id that a client sent where it can be logged and sent back
// as it stands (at most 64 printable ASCII bytes), else a new one.
func CheckedID(sent string) string {
	ok := sent != "" && len(sent) <= 64
	for i := 0; ok && i < len(sent); i++ {
		ok = sent[i] > ' ' && sent[i] < 0x7F
	}
	if ok {
		return sent
	}
	return strconv.FormatUint(rand.Uint64()|1<<63, 16)
}

// Do runs a call through every part of the layer, in this order:
//
//  1. it gets an id, which its context, its log lines and its client carry;
//  2. it is counted, timed and logged, whatever becomes of it;
//  3. it is turned away with ErrOverloaded where too many are under way, before
//     it costs anything;
//  4. it gets a deadline where its client gave none;
//  5. a panic in it becomes an INTERNAL error and a log line with the stack.
//
// The result is nil or an *Error.
func (l *Layer) Do(ctx context.Context, call Call, handle func(context.Context) error) error {
	id := CheckedID(call.RequestID)
	ctx = context.WithValue(ctx, stateKey{}, &state{id: id})
	start := time.Now()
	e := ErrorOf(l.limited(ctx, call, id, handle), id)
	l.record(ctx, call, id, time.Since(start), e)
	if e == nil {
		return nil // not a nil *Error in an error
	}
	return e
}

func (l *Layer) limited(ctx context.Context, call Call, id string, handle func(context.Context) error) error {
	if call.Exempt {
		return l.recovered(ctx, call, id, handle)
	}
	select {
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	default:
		return fmt.Errorf("%d calls are under way, the most that this server takes: try again later or elsewhere: %w", l.opts.MaxInFlight, ErrOverloaded)
	}
	l.metrics.inFlight.Inc()
	defer l.metrics.inFlight.Dec()
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.opts.DefaultTimeout)
		defer cancel()
	}
	return l.recovered(ctx, call, id, handle)
}

func (l *Layer) recovered(ctx context.Context, call Call, id string, handle func(context.Context) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			l.metrics.panics.Inc()
			l.log.LogAttrs(ctx, slog.LevelError, "panic in a call", slog.String("method", call.Method),
				slog.String("request_id", id), slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return handle(ctx)
}

// record counts and logs a finished call: errors that the server is to blame for
// as errors, what it did not have at hand and slow calls as warnings, the others
// at debug level.
func (l *Layer) record(ctx context.Context, call Call, id string, took time.Duration, e *Error) {
	code := codes.OK
	if e != nil {
		code = e.Code
	}
	level := slog.LevelDebug
	switch {
	case code == codes.Internal || code == codes.Unknown || code == codes.DataLoss:
		level = slog.LevelError
	case call.Exempt: // probes are meant to fail, and streams to last
	case code == codes.Unavailable || code == codes.DeadlineExceeded || took >= l.opts.SlowCall:
		level = slog.LevelWarn
	}
	l.metrics.observe(call, code, took)
	if !l.log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", call.Method), slog.String("transport", call.Transport), slog.String("request_id", id),
		slog.String("code", code.String()), slog.Duration("took", took),
	}
	if s, ok := ctx.Value(stateKey{}).(*state); ok {
		attrs = append(attrs, s.attrs...)
	}
	if e != nil {
		attrs = append(attrs, slog.String("error", e.detail()))
	}
	l.log.LogAttrs(ctx, level, "call", attrs...)
}
