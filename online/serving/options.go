package serving

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
)

// Options are what a Handler works with and within. A zero number means its
// default; Clock, Log and Registerer have to be given.
type Options struct {
	Clock      func() feature.Time // the project's clock: t of a request
	Log        *slog.Logger
	Registerer prometheus.Registerer

	MaxRows     int // of a request. Default 10,000
	MaxFeatures int // references in a request's list, before "*" is expanded. Default 1,000
	MaxCells    int // rows times features. Default 1,000,000
	// MaxBytes bounds what texts and lists make of an answer: the stored values that they
	// are taken from, a value once for each of its rows, and those that windows and
	// expressions make. Default 64 MiB.
	MaxBytes int
	// MaxLarge is how many requests at once may take more than 4 MiB of texts and lists, from
	// then on until their answers are encoded. Others wait for their turn, within their time. What
	// one takes in all is up to five times MaxBytes. Default 4
	MaxLarge int
	MaxPlans int // reference lists, and services, whose plans are kept. Default 1,024

	StoreTimeout    time.Duration // for what a request asks of the store, and less where the request's deadline is near. Default 1 s
	RefreshInterval time.Duration // between looks at the registry and at the watermarks. Default 1 s
	RefreshTimeout  time.Duration // for one such look. Default 5 s
}

func (o Options) withDefaults() Options {
	number := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	span := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	number(&o.MaxRows, 10_000)
	number(&o.MaxFeatures, 1_000)
	number(&o.MaxCells, 1_000_000)
	number(&o.MaxBytes, 64<<20)
	number(&o.MaxLarge, 4)
	number(&o.MaxPlans, 1_024)
	span(&o.StoreTimeout, time.Second)
	span(&o.RefreshInterval, time.Second)
	span(&o.RefreshTimeout, 5*time.Second)
	return o
}

// Validate tells everything that is wrong with the options at once; its error
// wraps feature.ErrInvalid.
func (o Options) Validate() error {
	var problems []error
	for _, f := range []struct {
		name string
		ok   bool
	}{
		{"Clock is missing", o.Clock != nil},
		{"Log is missing", o.Log != nil},
		{"Registerer is missing", o.Registerer != nil},
		{"MaxRows is negative", o.MaxRows >= 0},
		{"MaxFeatures is negative", o.MaxFeatures >= 0},
		{"MaxCells is negative", o.MaxCells >= 0},
		{"MaxBytes is negative", o.MaxBytes >= 0},
		{"MaxLarge is negative", o.MaxLarge >= 0},
		{"MaxPlans is negative", o.MaxPlans >= 0},
		{"StoreTimeout is negative", o.StoreTimeout >= 0},
		{"RefreshInterval is negative", o.RefreshInterval >= 0},
		{"RefreshTimeout is negative", o.RefreshTimeout >= 0},
	} {
		if !f.ok {
			problems = append(problems, fmt.Errorf("%s: %w", f.name, feature.ErrInvalid))
		}
	}
	return errors.Join(problems...)
}
