package csv

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// hasText tells whether values of a type can be written.
func hasText(t arrow.DataType) bool {
	switch t := t.(type) {
	case arrow.ExtensionType:
		return hasText(t.StorageType())
	case *arrow.DictionaryType:
		return hasText(t.ValueType)
	case arrow.ListLikeType:
		return hasText(t.Elem())
	case *arrow.StructType:
		for _, f := range t.Fields() {
			if !hasText(f.Type) {
				return false
			}
		}
		return true
	}
	switch t.ID() {
	case arrow.DENSE_UNION, arrow.SPARSE_UNION, arrow.RUN_END_ENCODED, arrow.INTERVAL_MONTHS, arrow.INTERVAL_DAY_TIME, arrow.INTERVAL_MONTH_DAY_NANO:
		return false
	}
	return true
}

// fieldOf gives what appends a value, which is not null, to a line.
func fieldOf(arr arrow.Array) func(line []byte, row int) []byte {
	value := valueOf(arr)
	switch arr.DataType().ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.DICTIONARY, arrow.EXTENSION,
		arrow.LIST, arrow.LARGE_LIST, arrow.FIXED_SIZE_LIST, arrow.LIST_VIEW, arrow.LARGE_LIST_VIEW, arrow.MAP, arrow.STRUCT:
		return func(line []byte, row int) []byte { return appendQuoted(line, value(row)) }
	}
	if number := numberOf(arr); number != nil {
		return number
	}
	return func(line []byte, row int) []byte { return append(line, value(row)...) }
}

// numberOf is fieldOf for the types whose text needs neither quotes nor memory.
func numberOf(arr arrow.Array) func(line []byte, row int) []byte {
	switch a := arr.(type) {
	case *array.Int64:
		return func(line []byte, row int) []byte { return strconv.AppendInt(line, a.Value(row), 10) }
	case *array.Int32:
		return func(line []byte, row int) []byte { return strconv.AppendInt(line, int64(a.Value(row)), 10) }
	case *array.Float64:
		return func(line []byte, row int) []byte { return appendFloat(line, a.Value(row), 64) }
	case *array.Float32:
		return func(line []byte, row int) []byte { return appendFloat(line, float64(a.Value(row)), 32) }
	case *array.Timestamp:
		unit := arrow.Microsecond
		if t, ok := arr.DataType().(*arrow.TimestampType); ok {
			unit = t.Unit
		}
		return func(line []byte, row int) []byte { return appendTime(line, a.Value(row), unit) }
	}
	return nil
}

// valueOf gives the text of a value that is not null.
func valueOf(arr arrow.Array) func(row int) string {
	if number := numberOf(arr); number != nil {
		return func(row int) string { return string(number(nil, row)) }
	}
	switch a := arr.(type) {
	case *array.Float16:
		return func(row int) string { return string(appendFloat(nil, float64(a.Value(row).Float32()), 32)) }
	case *array.Date32:
		return func(row int) string { return a.Value(row).ToTime().Format(time.DateOnly) }
	case *array.Date64:
		return func(row int) string { return arrow.Date32(arrowconv.Days(a.Value(row))).ToTime().Format(time.DateOnly) }
	case *array.String:
		return a.Value
	case *array.LargeString:
		return a.Value
	case *array.StringView:
		return a.Value
	case *array.Binary:
		return func(row int) string { return base64.StdEncoding.EncodeToString(a.Value(row)) }
	case *array.LargeBinary:
		return func(row int) string { return base64.StdEncoding.EncodeToString(a.Value(row)) }
	case *array.FixedSizeBinary:
		return func(row int) string { return base64.StdEncoding.EncodeToString(a.Value(row)) }
	case *array.Decimal128:
		return func(row int) string { return a.Value(row).ToString(scaleOf(arr)) }
	case *array.Decimal256:
		return func(row int) string { return a.Value(row).ToString(scaleOf(arr)) }
	case array.ExtensionArray:
		return valueOf(a.Storage())
	case *array.Dictionary:
		value := valueOf(a.Dictionary())
		return func(row int) string { return value(a.GetValueIndex(row)) }
	case array.ListLike, *array.Struct:
		item := jsonOf(arr)
		return func(row int) string {
			text, err := json.Marshal(item(row))
			if err != nil { // nothing that jsonOf gives is beyond JSON
				return arr.ValueStr(row)
			}
			return string(text)
		}
	}
	return arr.ValueStr
}

func scaleOf(arr arrow.Array) int32 {
	if t, ok := arr.DataType().(arrow.DecimalType); ok {
		return t.GetScale()
	}
	return 0
}

// jsonOf gives a value as encoding/json writes it: NaN and infinities as text,
// everything that has no type in JSON as the text that it has in a field.
func jsonOf(arr arrow.Array) func(row int) any {
	var value func(row int) any
	switch a := arr.(type) {
	case *array.Map:
		keys, items := valueOf(a.Keys()), jsonOf(a.Items())
		value = func(row int) any {
			from, to := a.ValueOffsets(row)
			all := make(map[string]any, to-from)
			for i := from; i < to; i++ {
				all[keys(int(i))] = items(int(i))
			}
			return all
		}
	case array.ListLike:
		item := jsonOf(a.ListValues())
		value = func(row int) any {
			from, to := a.ValueOffsets(row)
			all := make([]any, 0, to-from)
			for i := from; i < to; i++ {
				all = append(all, item(int(i)))
			}
			return all
		}
	case *array.Struct:
		value = structOf(a)
	default:
		value = scalarOf(arr)
	}
	return func(row int) any {
		if arr.IsNull(row) {
			return nil
		}
		return value(row)
	}
}

func structOf(a *array.Struct) func(row int) any {
	fields := make([]func(row int) any, a.NumField())
	names := make([]string, len(fields))
	for i := range fields {
		fields[i] = jsonOf(a.Field(i))
		if t, ok := a.DataType().(*arrow.StructType); ok {
			names[i] = t.Field(i).Name
		}
	}
	return func(row int) any {
		all := make(map[string]any, len(fields))
		for i, f := range fields {
			all[names[i]] = f(row)
		}
		return all
	}
}

func scalarOf(arr arrow.Array) func(row int) any {
	text := valueOf(arr)
	switch a := arr.(type) {
	case *array.Boolean:
		return func(row int) any { return a.Value(row) }
	case *array.Dictionary:
		value := jsonOf(a.Dictionary())
		return func(row int) any { return value(a.GetValueIndex(row)) }
	}
	switch id := arr.DataType().ID(); {
	case arrow.IsFloating(id):
		return func(row int) any {
			s := text(row)
			if s == "NaN" || strings.HasSuffix(s, "inf") {
				return s
			}
			return json.Number(s)
		}
	case arrow.IsInteger(id):
		return func(row int) any { return json.Number(text(row)) }
	}
	return func(row int) any { return text(row) }
}

// appendFloat writes the shortest text that reads back as the same number: 1000000
// and 0.001 in full, 1e+21 and 1e-7 with an exponent.
func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, "NaN"...)
	case math.IsInf(v, 1):
		return append(b, "inf"...)
	case math.IsInf(v, -1):
		return append(b, "-inf"...)
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(b, v, format, -1, bits)
}

// appendTime writes an instant to its own precision, in UTC; one in no year of
// four digits as feature.Time writes it.
func appendTime(b []byte, v arrow.Timestamp, unit arrow.TimeUnit) []byte {
	t := v.ToTime(unit).UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return append(b, feature.TimeOf(t).String()...)
	}
	return t.AppendFormat(b, "2006-01-02T15:04:05.999999999Z07:00")
}

// appendQuoted writes text, in quotes where it could be taken for something else.
func appendQuoted(b []byte, s string) []byte {
	if s != "" && !strings.ContainsAny(s, ",\"\r\n") {
		return append(b, s...)
	}
	b = append(b, '"')
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		b = append(append(b, s[:i+1]...), '"')
		s = s[i+1:]
	}
	return append(append(b, s...), '"')
}
