package offline

import (
	"context"
	"errors"

	"github.com/quiver-features/quiver/feature"
)

// Latest delivers, over the rows that the scans ask for with visible_from <= to,
// the latest row of each key, once a key, in batches of a few thousand rows. TTL
// is not applied. Rows with a null key, event or available timestamp are not
// there. Batches come one at a time, in the order of the winning rows' file
// paths, row groups and rows, which workers do not change; a batch is the
// receiver's until it returns. An error of deliver ends the pass and is returned
// as it is.
//
// A file that was read whole comes back with Scanned, MinVisible and MaxVisible;
// of others the scan's own are kept.
func (e *Engine) Latest(ctx context.Context, view *feature.ViewVersion, scans []feature.Scan, to feature.Time,
	deliver func(*feature.Batch) error,
) (feature.ScanResult, error) {
	return feature.ScanResult{}, errors.New("offline: Latest is not there yet")
}
