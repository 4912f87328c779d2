package offline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/offline"
)

// Expressions take seconds for each of these rows, which are of one batch. Nobody waits for
// them once the call is over: neither for columns of a source, nor for features of a view, nor
// for those of a service.
func TestTrainingEndsAmidExpressions(t *testing.T) {
	const slow = `bool = matches(%s, "(a?){490}c")`
	longer := func(name, of string, n int) string {
		return "\n  " + name + strings.TrimSuffix(strings.Repeat(of+" + ", n), " + ")
	}
	var events, rows strings.Builder
	for i := range 100 {
		fmt.Fprintf(&events, "\n  a | 10:%02d | a", i%60)
		fmt.Fprintf(&rows, "\n  a | 12:%02d => null", i%60)
	}
	// 15 × 16^4 bytes.
	long := longer("derive b:string = ", "t", 16) + longer("derive c:string = ", "b", 16) + longer("derive d:string = ", "c", 16) +
		longer("derive e:string = ", "d", 16) + longer("derive long:string = ", "e", 15)
	for name, definitions := range map[string]string{
		"source": long + "\n  derive found:" + fmt.Sprintf(slow, "long") + "\n  keys k\n  features found\nuse v",
		"windows": long + "\n  derive found:" + fmt.Sprintf(slow, "long") +
			"\n  keys k\n  features found = last of \"found\" over 1d by 1h\nuse v",
		"view":    long + "\n  keys k\n  features long\n  expression found:" + fmt.Sprintf(slow, "long") + "\nuse v\n  only found",
		"service": long + "\n  keys k\n  features long\nuse v\nservice\n  derived found:" + fmt.Sprintf(slow, "v.long"),
	} {
		t.Run(name, func(t *testing.T) {
			output, wants := "v__found", rows.String()
			if name == "service" {
				output, wants = "v__long | found", strings.ReplaceAll(wants, "=> null", "=> null | null")
			}
			c := parse(t, "source s\n  k string | at event | t string"+events.String()+"\nview v"+definitions+"\njoin\n  k string | at event => "+output+wants+"\n")
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := offline.New(&memFiles{sources: c.Sources, chunk: 1000}, offline.Options{Workers: 2}).Train(ctx,
				offline.Request{Spine: newMemSpine(t, c.Spine, 1000), Selection: c.Selection, EventTimestamp: "at"},
				func(*arrow.Schema) (offline.Output, error) { return &memOutput{}, nil })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}
