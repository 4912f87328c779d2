package offlinetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// Native is the native engine over real Parquet files: it writes a case into a
// folder, trains, and reads the training set. The spine's columns must come out
// as they went in, or Join is an error.
type Native struct {
	// Dir is an empty folder for the cases' files; each case's are removed when it
	// is answered.
	Dir     string
	Files   func(root string) offline.Files
	Spine   func(path string) (offline.Spine, error)
	Options offline.Options
	// Also, where it is set, opens an output that gets the training set as well.
	Also func(*arrow.Schema) (offline.Output, error)
}

// Join answers the case.
func (n *Native) Join(ctx context.Context, c *Case) (_ []*feature.Column, err error) {
	dir, err := os.MkdirTemp(n.Dir, "case")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := WriteSources(dir, c); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "spine.parquet")
	if err := WriteSpine(path, c); err != nil {
		return nil, err
	}
	spine, err := n.Spine(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, spine.Close()) }()

	out := newCollected(c)
	request := offline.Request{Spine: spine, Selection: c.Selection, EventTimestamp: c.Spine[c.Time].Name}
	open := func(schema *arrow.Schema) (offline.Output, error) {
		if err := out.begin(schema); err != nil || n.Also == nil {
			return out, err
		}
		also, err := n.Also(schema)
		return &both{collected: out, also: also}, err
	}
	if _, err := offline.New(n.Files(dir), n.Options).Train(ctx, request, open); err != nil {
		return nil, err
	}
	return out.columns(c)
}

// collected is an output that keeps the training set as columns: first the
// spine's, then the features.
type collected struct {
	names     []string
	places    []int // of each name in the training set
	values    []*feature.Column
	committed bool
}

func newCollected(c *Case) *collected {
	out := &collected{}
	for _, s := range c.Spine {
		out.names = append(out.names, s.Name)
		out.values = append(out.values, feature.NewColumn(s.Values.Type, c.Rows()))
	}
	for i, o := range c.Selection.Outputs {
		out.names = append(out.names, o.Name)
		out.values = append(out.values, feature.NewColumn(c.outputType(i), c.Rows()))
	}
	return out
}

func (o *collected) begin(schema *arrow.Schema) error {
	if schema.NumFields() != len(o.names) {
		return fmt.Errorf("the training set has %d columns, expected %d: the spine's and the outputs", schema.NumFields(), len(o.names))
	}
	for _, name := range o.names {
		found := schema.FieldIndices(name)
		if len(found) != 1 {
			return fmt.Errorf("the training set has %d columns %q, expected one", len(found), name)
		}
		o.places = append(o.places, found[0])
	}
	return nil
}

// Write takes one record.
func (o *collected) Write(record arrow.Record) error {
	for i, place := range o.places {
		column, err := arrowconv.FromArrow(record.Column(place), o.values[i].Type)
		if err != nil {
			return fmt.Errorf("column %s: %w", o.names[i], err)
		}
		for row := range column.Len() {
			o.values[i].AppendFrom(column, row)
		}
	}
	return nil
}

// Commit ends the training set.
func (o *collected) Commit() error { o.committed = true; return nil }

// Abort drops it.
func (o *collected) Abort() error { return nil }

// both is an output that keeps the training set and writes it to another.
type both struct {
	*collected
	also offline.Output
}

// Write takes one record.
func (b *both) Write(record arrow.Record) error {
	return errors.Join(b.collected.Write(record), b.also.Write(record))
}

// Commit ends both.
func (b *both) Commit() error { return errors.Join(b.collected.Commit(), b.also.Commit()) }

// Abort drops both.
func (b *both) Abort() error { return errors.Join(b.collected.Abort(), b.also.Abort()) }

// columns gives the features, after a look at the spine's own columns.
func (o *collected) columns(c *Case) ([]*feature.Column, error) {
	if !o.committed {
		return nil, errors.New("the training set was not committed")
	}
	for i, s := range c.Spine {
		if o.values[i].Len() != c.Rows() {
			return nil, fmt.Errorf("the training set has %d rows, expected %d, one per spine row", o.values[i].Len(), c.Rows())
		}
		for row := range c.Rows() {
			want := s.Values.Any(row)
			if s.Nanos && want != nil { // read back in microseconds
				want = feature.FloorNanos(s.Values.Int64s[row])
			}
			if got := o.values[i].Any(row); !sameBits(got, want) {
				return nil, fmt.Errorf("spine column %s, row %d: got %v, expected %v, untouched", s.Name, row+1, got, want)
			}
		}
	}
	return o.values[len(c.Spine):], nil
}
