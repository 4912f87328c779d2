package parquet

import (
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// hiveNull is how partition folders write a null.
const hiveNull = "__HIVE_DEFAULT_PARTITION__"

// partition is one Hive-style partition folder, name=text, decoded.
type partition struct {
	name, text string
	null       bool
}

// partitionsOf gives the partition folders above a file, by name; of two with
// one name, the inner one. A partition column that also stands in the file is
// read from the folder, as by DuckDB and Spark.
func partitionsOf(file string) (map[string]partition, error) {
	found := map[string]partition{}
	for _, folder := range strings.Split(path.Dir(file), "/") {
		name, value, ok := strings.Cut(folder, "=")
		if !ok || name == "" {
			continue
		}
		p := partition{null: value == hiveNull}
		var err1, err2 error
		p.name, err1 = url.PathUnescape(name)
		p.text, err2 = url.PathUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("%s: partition folder %q is not percent-encoded as expected: write a literal %% as %%25: %w",
				file, folder, feature.ErrInvalid)
		}
		found[p.name] = p
	}
	return found, nil
}

// value gives a column of one value, the folder's.
func (p partition) value(t feature.Type, up bool) (*feature.Column, error) {
	if p.null {
		return feature.NullColumn(t, 1), nil
	}
	c := feature.NewColumn(t, 1)
	switch {
	case t == feature.Scalar(feature.Bytes):
		c.AppendString(p.text)
	case t == feature.Scalar(feature.Timestamp) && up:
		v, err := feature.ParseTimeCeil(p.text)
		if err != nil {
			return nil, err
		}
		c.AppendInt64(int64(v))
	default:
		if err := c.AppendText(p.text); err != nil {
			return nil, err
		}
	}
	return c, nil
}
