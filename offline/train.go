package offline

import (
	"context"
	"errors"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
)

// Request asks for a training set.
type Request struct {
	Spine     Spine // stays open: the caller closes it
	Selection *feature.Selection
	// EventTimestamp names the spine's time column: a timestamp, a date (midnight,
	// UTC) or ISO 8601 text. Empty: the column event_timestamp, else the spine's
	// only timestamp column.
	EventTimestamp string
}

// Result is what Train found and counted. Rows are rows of the spine.
type Result struct {
	Rows           int64
	EventTimestamp string        // the spine's time column
	Schema         *arrow.Schema // of the training set
	Spine          feature.File
	Views          []ViewResult    // of Selection.Uses, in their order
	Features       []FeatureResult // of Selection.Outputs, in their order
}

// ViewResult counts what a view gave to a training set.
type ViewResult struct {
	View    string         // its ID
	Alias   string         // as Use.Alias
	Files   []feature.File // in the order of their paths
	Scanned int64          // source rows whose keys and times were read
	Skipped int64          // source rows in row groups that could not matter
	Matched int64          // rows for which a source row was visible
	// Ties is how many rows have a value that was settled by value: several visible
	// source rows with equal key and times were the latest, and differ.
	Ties int64
	// SameTime is how many rows show a source row of their own instant (e = t): a
	// leak where the labels are made from the same events.
	SameTime int64
}

// FeatureResult counts what one output column holds.
type FeatureResult struct {
	Name  string
	Nulls int64 // rows in which it is null, for whatever reason
}

// Train writes the training set of a request: one row per spine row, in the
// spine's order, the spine's columns first and as they are, then the selection's
// outputs in their order. open is called once, with the schema of what will be
// written, after the request was checked and before any source is read; Train
// commits the output when all rows are written and aborts it on any error.
//
// A request that does not fit its spine is an error that wraps
// feature.ErrInvalid; a spine or a source file that changes while it is read, one
// that wraps feature.ErrConflict. The bytes written depend on spine, selection
// and source rows only.
func (e *Engine) Train(ctx context.Context, req Request, open func(*arrow.Schema) (Output, error)) (*Result, error) {
	return nil, errors.New("offline: Train is not there yet")
}
