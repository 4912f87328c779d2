package rpc

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	panics   prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quiver_rpc_requests_total",
			Help: "Calls that ended, by transport, method and gRPC code.",
		}, []string{"transport", "method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "quiver_rpc_seconds",
			Help:    "Time from the arrival of a decoded request to its answer.",
			Buckets: []float64{50e-6, 100e-6, 200e-6, 400e-6, 800e-6, 1.6e-3, 3.2e-3, 6.4e-3, 12.8e-3, 25.6e-3, 51.2e-3, .1, .25, .5, 1, 2.5, 5},
		}, []string{"transport", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "quiver_rpc_in_flight",
			Help: "Calls under way.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "quiver_rpc_panics_total",
			Help: "Calls that ended in a panic.",
		}),
	}
	return m, errors.Join(reg.Register(m.requests), reg.Register(m.seconds), reg.Register(m.inFlight), reg.Register(m.panics))
}

func (m *metrics) observe(call Call, code codes.Code, took time.Duration) {
	m.requests.WithLabelValues(call.Transport, call.Method, code.String()).Inc()
	m.seconds.WithLabelValues(call.Transport, call.Method).Observe(took.Seconds())
}
