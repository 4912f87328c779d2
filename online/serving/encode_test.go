package serving

import (
	"context"
	"errors"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

func TestAMessageIsMadeNoFurtherWhenItsContextHasEnded(t *testing.T) {
	c := feature.NewColumn(feature.Scalar(feature.String), 0)
	ctx, cancel := context.WithCancel(t.Context())
	r := &Response{Features: []Feature{{Name: "f", Values: c}}}
	if m, err := responseOf(ctx, r); err != nil || len(m.GetFeatures()) != 1 {
		t.Errorf("%v, %v", m, err)
	}
	cancel()
	if m, err := responseOf(ctx, r); m != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", m, err)
	}
}
