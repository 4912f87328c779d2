package httpapi

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// countdown is a context that ends when it has been asked some times whether it has.
type countdown struct {
	context.Context //nolint:containedctx // it is one
	left            int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// A long answer is not written to its end for nobody: one of one feature is left amid its rows.
func TestAnAnswerIsWrittenNoFurtherWhenItsContextHasEnded(t *testing.T) {
	const rows = 1000
	c := feature.NewColumn(feature.Scalar(feature.String), rows)
	for range rows {
		c.AppendBytes([]byte("row"))
	}
	for _, tc := range []struct {
		what     string
		response serving.Response
		matrix   serving.Matrix
		written  string // once for each row
		looks    int    // at the context
		inEach   int    // rows after each
	}{
		{"values", serving.Response{Rows: rows, Features: []serving.Feature{{Name: "f", View: -1, Values: c}}}, serving.NoMatrix, `"row"`, 16, 64},
		{"a matrix", serving.Response{Rows: rows}, serving.Float32Matrix, "[]", rows, 1},
	} {
		count := func(looks int) (int, error) {
			b, err := appendResponse(&countdown{t.Context(), looks}, nil, &tc.response, tc.matrix)
			return bytes.Count(b, []byte(tc.written)), err
		}
		none, _ := count(0)
		if n, err := count(tc.looks); err != nil || n-none != rows {
			t.Errorf("%s: %d rows were written, %v", tc.what, n-none, err)
		}
		if n, err := count(3); !errors.Is(err, context.DeadlineExceeded) || n-none != 3*tc.inEach {
			t.Errorf("%s: %d rows were written when the time was over, want %d: %v", tc.what, n-none, 3*tc.inEach, err)
		}
	}
}
