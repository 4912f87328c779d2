package serving

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// light is how many bytes the texts and lists of a request may take without asking: more
// than ordinary requests need, and about what a request may bring along itself.
const light = 4 << 20

// allowance is how many bytes texts and lists of a request may take: few for everybody, and
// up to a bound while it has one of the places for large requests.
type allowance struct {
	bytes  int           // now
	most   int           // with a place
	places chan struct{} // as many as may be taken at once
	told   *metrics
	taken  bool
	late   bool // the request's context ended before there was a place
}

func (h *Handler) newAllowance() *allowance {
	return &allowance{bytes: min(light, h.opts.MaxBytes), most: h.opts.MaxBytes, places: h.places, told: h.metrics}
}

// raise waits for a place: false where that allows no more. The error is the context's.
func (r *allowance) raise(ctx context.Context) (bool, error) {
	if r.bytes >= r.most {
		return false, nil
	}
	r.told.largeWaiting.Inc()
	defer r.told.largeWaiting.Dec()
	defer func(began time.Time) { r.told.largeSeconds.Observe(time.Since(began).Seconds()) }(time.Now())
	select {
	case r.places <- struct{}{}:
		r.taken, r.bytes = true, r.most
		return true, nil
	case <-ctx.Done():
		r.late = true
		return false, ended(ctx, fmt.Sprintf("it waited for %d others that take more than %d bytes of texts and lists, as it does", cap(r.places), light),
			"fewer rows, or features of shorter texts and lists")
	}
}

// take takes a place if there is one now.
func (r *allowance) take() bool {
	select {
	case r.places <- struct{}{}:
		r.told.largeSeconds.Observe(0)
		r.taken, r.bytes = true, r.most
		return true
	default:
		return false
	}
}

// fit waits for a place where a size asks for it: false where it is too much even so.
func (r *allowance) fit(ctx context.Context, size int) (bool, error) {
	if size > r.bytes && size <= r.most {
		return r.raise(ctx)
	}
	return size <= r.bytes, nil
}

// try does something within the bytes that are allowed, and again with a place if they
// are not enough: its error wraps feature.ErrTooLarge then, and it has done nothing.
func (r *allowance) try(ctx context.Context, do func(bytes int) error) error {
	err := do(r.bytes)
	if !errors.Is(err, feature.ErrTooLarge) {
		return err
	}
	raised, wait := r.raise(ctx)
	if wait != nil {
		return wait
	}
	if raised {
		err = do(r.bytes)
	}
	return err
}

// release gives the place to the next.
func (r *allowance) release() {
	if r.taken {
		<-r.places
		r.taken = false
	}
}
