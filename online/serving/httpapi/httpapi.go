package httpapi

import (
	"net/http"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
)

// Options are what is served beside features.
type Options struct {
	Metrics http.Handler // GET /metrics; nil: none
	Version string       // of the server, which /healthz tells
	// Ready tells why the server is not ready for requests; its error wraps
	// feature.ErrUnavailable. Nil: it is once the Handler is.
	Ready func() error
}

// methodGet is the name of the call in metrics and logs: that of the same call
// over gRPC.
const methodGet = "quiver.v1.ServingService/GetOnlineFeatures"

// New makes the handler of all routes. It is safe for concurrent use.
func New(h *serving.Handler, layer *rpc.Layer, opts Options) http.Handler {
	_ = feature.ErrUnavailable
	return layer.HTTP(methodGet, false, func(http.ResponseWriter, *http.Request) error {
		return rpc.NotFound("nothing yet")
	})
}
