package serving

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
)

// lists is the label of requests that name a list of features.
const lists = "(list)"

type metrics struct {
	requests, rows *prometheus.CounterVec
	cells          [feature.StatusError + 1]prometheus.Counter
	storeSeconds   prometheus.Histogram
	storeErrors    prometheus.Counter
	largeWaiting   prometheus.Gauge
	largeSeconds   prometheus.Histogram
	damaged        prometheus.Counter
	failed         *prometheus.CounterVec
	refreshErrors  *prometheus.CounterVec
	revision       prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, marks *marks, clock func() feature.Time) (*metrics, error) {
	cells := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "quiver_serving_cells_total", Help: "Delivered cells, by status.",
	}, []string{"status"})
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quiver_serving_requests_total", Help: "Answered requests, by service version.",
		}, []string{"service"}),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quiver_serving_rows_total", Help: "Rows of answered requests, by service version.",
		}, []string{"service"}),
		storeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "quiver_serving_store_seconds", Help: "Time of one read of the online store.",
			Buckets: []float64{25e-6, 50e-6, 100e-6, 200e-6, 400e-6, 800e-6, 1.6e-3, 3.2e-3, 6.4e-3, 12.8e-3, 25.6e-3, 51.2e-3, .1, .25, .5, 1},
		}),
		storeErrors: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "quiver_serving_store_errors_total", Help: "Reads that the online store did not answer.",
		}),
		largeWaiting: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "quiver_serving_large_waiting", Help: "Requests with large texts and lists that wait for others of their kind.",
		}),
		largeSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "quiver_serving_large_wait_seconds", Help: "How long a request with large texts and lists waited for others of its kind.",
			Buckets: []float64{1e-3, 5e-3, 25e-3, .1, .5, 1, 2.5, 5, 10},
		}),
		damaged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "quiver_serving_damaged_values_total", Help: "Stored values that could not be decoded.",
		}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quiver_serving_expression_failures_total", Help: "Values that an expression could not compute, which are null, by feature.",
		}, []string{"feature"}),
		refreshErrors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "quiver_serving_refresh_errors_total", Help: "Failed looks at the registry or at the watermarks.",
		}, []string{"what"}),
		revision: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "quiver_serving_registry_revision", Help: "The registry revision that is served.",
		}),
	}
	for s := feature.StatusPresent; s <= feature.StatusError; s++ {
		m.cells[s] = cells.WithLabelValues(s.String())
	}
	var problems []error
	for _, c := range []prometheus.Collector{
		m.requests, m.rows, cells, m.storeSeconds, m.storeErrors, m.largeWaiting, m.largeSeconds, m.damaged, m.failed, m.refreshErrors, m.revision, newWatermarkCollector(marks, clock),
	} {
		problems = append(problems, reg.Register(c))
	}
	return m, errors.Join(problems...)
}

// watermarkCollector tells the age of the watermarks at the moment of a scrape,
// by the project's clock.
type watermarkCollector struct {
	marks     *marks
	clock     func() feature.Time
	age, lost *prometheus.Desc
}

func newWatermarkCollector(marks *marks, clock func() feature.Time) *watermarkCollector {
	labels := []string{"view", "storage"}
	return &watermarkCollector{
		marks: marks, clock: clock,
		age: prometheus.NewDesc("quiver_serving_watermark_age_seconds",
			"Time since the watermark of a view that is being served; absent where it was never materialized.", labels, nil),
		lost: prometheus.NewDesc("quiver_serving_watermark_lost",
			"1 where the online store may have lost values of the view, or a run has yet to bring them back.", labels, nil),
	}
}

// Describe is part of prometheus.Collector.
func (c *watermarkCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.age; ch <- c.lost }

// Collect is part of prometheus.Collector.
func (c *watermarkCollector) Collect(ch chan<- prometheus.Metric) {
	now := c.clock()
	for _, mk := range c.marks.all() {
		s, storage := mk.state.Load(), strconv.FormatUint(mk.storage, 10)
		if at, ok := s.At(); ok {
			ch <- prometheus.MustNewConstMetric(c.age, prometheus.GaugeValue, now.Sub(at).Std().Seconds(), mk.view, storage)
		}
		lost := 0.0
		if s.lost != "" {
			lost = 1
		}
		ch <- prometheus.MustNewConstMetric(c.lost, prometheus.GaugeValue, lost, mk.view, storage)
	}
}
