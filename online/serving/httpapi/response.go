package httpapi

import (
	"context"
	"encoding/base64"
	"math"
	"slices"
	"strconv"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// writtenAtOnce is how many rows are written before it is looked at whether they are
// still wanted.
const writtenAtOnce = 64

// appendResponse writes a response. The error is that of a context that ended amid it.
func appendResponse(ctx context.Context, b []byte, r *serving.Response, m serving.Matrix) (_ []byte, err error) {
	size := 0
	for i := range r.Features {
		if c := r.Features[i].Values; c != nil {
			size += c.Varying()
		}
	}
	b = append(slices.Grow(b, size+size/8), '{') // a large answer is not copied again and again
	if r.Service != "" {
		b = append(appendString(append(b, `"service":`...), r.Service), ',')
	}
	b = strconv.AppendInt(append(b, `"revision":`...), r.Revision, 10)
	b = appendTime(append(b, `,"time":`...), r.Time)
	b = strconv.AppendInt(append(b, `,"rows":`...), int64(r.Rows), 10)
	b = append(b, `,"features":[`...)
	for i := range r.Features {
		if b, err = appendFeature(ctx, comma(b, i), r, &r.Features[i]); err != nil {
			return b, err
		}
	}
	b = append(b, ']')
	if r.Views != nil {
		b = append(b, `,"views":[`...)
		for i := range r.Views {
			b = appendView(comma(b, i), &r.Views[i])
		}
		b = append(b, ']')
	}
	switch m {
	case serving.Float64Matrix:
		b, err = appendMatrix(ctx, b, r, r.Float64s, 64)
	case serving.Float32Matrix:
		b, err = appendMatrix(ctx, b, r, r.Float32s, 32)
	}
	return append(b, '}', '\n'), err
}

// comma writes a comma in front of every item but the first.
func comma(b []byte, i int) []byte {
	if i > 0 {
		return append(b, ',')
	}
	return b
}

func appendFeature(ctx context.Context, b []byte, r *serving.Response, f *serving.Feature) ([]byte, error) {
	b = appendString(append(b, `{"name":`...), f.Name)
	b = appendString(append(b, `,"type":`...), f.TypeText)
	if f.Values != nil {
		b = append(b, `,"values":[`...)
		rows := f.Values.Len()
		for row := 0; row < rows; row += writtenAtOnce {
			if err := ctx.Err(); err != nil {
				return b, err
			}
			b = appendColumn(comma(b, row), f.Values, row, min(row+writtenAtOnce, rows))
		}
		b = append(b, ']')
	}
	b = appendStatuses(b, f.Statuses)
	if r.Views != nil && f.View >= 0 {
		b = strconv.AppendInt(append(b, `,"view":`...), int64(f.View), 10)
		b = appendEvents(b, &r.Views[f.View])
	}
	return append(b, '}'), nil
}

func appendView(b []byte, v *serving.ViewRows) []byte {
	b = appendString(append(b, `{"view":`...), v.View)
	b = appendString(append(b, `,"alias":`...), v.Alias)
	b = appendStatuses(b, v.Statuses)
	b = append(b, `,"watermark":`...)
	if at, ok := v.Watermark.At(); ok {
		b = appendTime(b, at)
	} else {
		b = append(b, "null"...)
	}
	return append(b, '}')
}

func appendStatuses(b, statuses []byte) []byte {
	b = append(b, `,"statuses":[`...)
	for i, s := range statuses {
		b = append(comma(b, i), '"')
		b = append(append(b, feature.Status(s).String()...), '"')
	}
	return append(b, ']')
}

// appendEvents writes the event timestamps of a view's rows, null where no row
// was found.
func appendEvents(b []byte, v *serving.ViewRows) []byte {
	b = append(b, `,"event_timestamps":[`...)
	for i := range v.Statuses {
		b = comma(b, i)
		if event, found := v.Event(i); found {
			b = appendTime(b, event)
		} else {
			b = append(b, "null"...)
		}
	}
	return append(b, ']')
}

// appendMatrix writes one list per row, null where the feature is null.
func appendMatrix[F float32 | float64](ctx context.Context, b []byte, r *serving.Response, values []F, bits int) ([]byte, error) {
	b = append(b, `,"matrix":[`...)
	for row := range r.Rows {
		if err := ctx.Err(); err != nil {
			return b, err
		}
		b = append(comma(b, row), '[')
		for j := range r.Features {
			b = comma(b, j)
			if r.Features[j].IsNull(row) {
				b = append(b, "null"...)
			} else {
				b = appendFloat(b, float64(values[row*len(r.Features)+j]), bits)
			}
		}
		b = append(b, ']')
	}
	return append(b, ']'), nil
}

// appendColumn writes the values of a column from one index to before another.
func appendColumn(b []byte, c *feature.Column, from, to int) []byte {
	for i := from; i < to; i++ {
		b = comma(b, i-from)
		switch {
		case c.IsNull(i):
			b = append(b, "null"...)
		case c.Type.List:
			b = appendColumn(append(b, '['), c.Items, int(c.Offsets[i]), int(c.Offsets[i+1]))
			b = append(b, ']')
		default:
			b = appendScalar(b, c, i)
		}
	}
	return b
}

func appendScalar(b []byte, c *feature.Column, i int) []byte {
	switch c.Type.Kind {
	case feature.Bool:
		return strconv.AppendBool(b, c.Bools[i])
	case feature.Int32:
		return strconv.AppendInt(b, int64(c.Int32s[i]), 10)
	case feature.Int64:
		return strconv.AppendInt(b, c.Int64s[i], 10)
	case feature.Float32:
		return appendFloat(b, float64(c.Float32s[i]), 32)
	case feature.Float64:
		return appendFloat(b, c.Float64s[i], 64)
	case feature.Date:
		return append(append(append(b, '"'), feature.CalendarDay(c.Int32s[i]).String()...), '"')
	case feature.Timestamp:
		return appendTime(b, feature.Time(c.Int64s[i]))
	case feature.Bytes:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), c.Bytes(i)), '"')
	default:
		return appendString(b, c.Bytes(i))
	}
}

// appendFloat writes the shortest number that reads back as it was; what JSON has
// no numbers for goes as a string.
func appendFloat(b []byte, v float64, bits int) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	default:
		return strconv.AppendFloat(b, v, 'g', -1, bits)
	}
}

// appendTime writes what feature.Time.String does.
func appendTime(b []byte, t feature.Time) []byte {
	b = append(b, '"')
	if s := t.Std(); s.Year() >= 0 && s.Year() <= 9999 {
		b = s.AppendFormat(b, "2006-01-02T15:04:05.999999Z07:00")
	} else {
		b = append(b, t.String()...)
	}
	return append(b, '"')
}

// appendString writes text, which is UTF-8.
func appendString[T string | []byte](b []byte, text T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(b, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, text[start:]...), '"')
}
