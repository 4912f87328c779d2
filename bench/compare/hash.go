package compare

import (
	"fmt"
	"math"

	"github.com/parquet-go/parquet-go"
)

// Numbers that stand for what is not a value; those of values are mixed with their kind's.
const (
	seed uint64 = 0x9e3779b97f4a7c15 + iota
	null
	emptyList
	integer
	float
	boolean
	bytes
)

// mix is one step of a chain: the order of the steps matters.
func mix(h, x uint64) uint64 {
	x = (h*31 ^ x) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>29) * 0x94d049bb133111eb
	x ^= x >> 32
	if x == 0 { // 0 is a missing row
		return seed
	}
	return x
}

// level is the definition levels of a column: of a value that is there, and, in a list, of a list without items. A
// list that is null is below that.
type level struct {
	value, empty int
	list         bool
}

// find gives the place of a column that is a plain value or a list of plain values.
func find(schema *parquet.Schema, name string) (int, level, error) {
	place := -1
	var path []string
	for i, p := range schema.Columns() {
		if p[0] != name {
			continue
		}
		if place >= 0 {
			return 0, level{}, fmt.Errorf("column %s has parts: only values and lists of values are compared", name)
		}
		place, path = i, p
	}
	if place < 0 {
		return 0, level{}, fmt.Errorf("no column %s", name)
	}
	var l level
	node := parquet.Node(schema)
	for _, part := range path {
		for _, field := range node.Fields() {
			if field.Name() == part {
				node = field
				break
			}
		}
		if node.Repeated() {
			if l.list {
				return 0, level{}, fmt.Errorf("column %s is a list of lists: only lists of values are compared", name)
			}
			l.list, l.empty = true, l.value
		}
		if node.Repeated() || node.Optional() {
			l.value++
		}
	}
	return place, l, nil
}

// hashColumn gives one number per row of the group.
func hashColumn(f *parquet.File, group parquet.RowGroup, name string, rows []uint64) error {
	row := -1
	err := eachValue(f, group, name, func(l level, v parquet.Value) error {
		if v.RepetitionLevel() == 0 {
			row++
			if row == len(rows) {
				return fmt.Errorf("more rows than the group's %d", len(rows))
			}
			rows[row] = seed
		}
		rows[row] = mix(rows[row], l.hash(v))
		return nil
	})
	if err == nil && row != len(rows)-1 {
		err = fmt.Errorf("column %s: %d rows of the group's %d", name, row+1, len(rows))
	}
	return err
}

func (l level) hash(v parquet.Value) uint64 {
	defined := v.DefinitionLevel()
	switch {
	case l.list && defined == l.empty:
		return emptyList
	case l.list && defined < l.empty:
		return mix(null, 1)
	case v.IsNull():
		return null
	}
	switch v.Kind() {
	case parquet.Boolean:
		if v.Boolean() {
			return mix(boolean, 1)
		}
		return mix(boolean, 0)
	case parquet.Int32:
		return mix(integer, uint64(int64(v.Int32()))) //nolint:gosec // by bits
	case parquet.Int64:
		return mix(integer, uint64(v.Int64())) //nolint:gosec // by bits
	case parquet.Float:
		return mix(float, floatBits(float64(v.Float())))
	case parquet.Double:
		return mix(float, floatBits(v.Double()))
	default:
		h := mix(bytes, uint64(len(v.ByteArray())))
		for _, b := range v.ByteArray() {
			h = (h ^ uint64(b)) * 0x100000001b3
		}
		return mix(bytes, h)
	}
}

// floatBits gives every NaN the same bits.
func floatBits(x float64) uint64 {
	if math.IsNaN(x) {
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(x)
}
