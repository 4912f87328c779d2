package parquet

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// markValid brings Valid in step after n values, all of them null or none, were
// appended to the other slices of c.
func markValid(c *feature.Column, n int, valid bool) {
	if c.Valid == nil {
		if valid || n == 0 {
			return
		}
		before := c.Len() - n
		c.Valid = make([]bool, before, before+n+before/2+16)
		for i := range c.Valid {
			c.Valid[i] = true
		}
	}
	for range n {
		c.Valid = append(c.Valid, valid)
	}
}

// appendNulls appends n nulls.
func appendNulls(c *feature.Column, n int) {
	appendZeros(c, n)
	markValid(c, n, false)
}

// appendZeros appends n zero values to the slices of c, and not to Valid.
func appendZeros(c *feature.Column, n int) {
	if c.Offsets != nil {
		last := c.Offsets[len(c.Offsets)-1]
		for range n {
			c.Offsets = append(c.Offsets, last)
		}
		return
	}
	switch c.Type.Kind {
	case feature.Bool:
		c.Bools = zeros(c.Bools, n)
	case feature.Int32, feature.Date:
		c.Int32s = zeros(c.Int32s, n)
	case feature.Int64, feature.Timestamp:
		c.Int64s = zeros(c.Int64s, n)
	case feature.Float32:
		c.Float32s = zeros(c.Float32s, n)
	case feature.Float64:
		c.Float64s = zeros(c.Float64s, n)
	}
}

func zeros[T any](s []T, n int) []T {
	s = slices.Grow(s, n)
	clear(s[len(s) : len(s)+n])
	return s[:len(s)+n]
}

// appendIndexed appends the scalars of src at the indexes; Valid is left alone.
func appendIndexed(dst, src *feature.Column, indexes []int32) {
	switch src.Type.Kind {
	case feature.Bool:
		dst.Bools = take(dst.Bools, src.Bools, indexes)
	case feature.Int32, feature.Date:
		dst.Int32s = take(dst.Int32s, src.Int32s, indexes)
	case feature.Int64, feature.Timestamp:
		dst.Int64s = take(dst.Int64s, src.Int64s, indexes)
	case feature.Float32:
		dst.Float32s = take(dst.Float32s, src.Float32s, indexes)
	case feature.Float64:
		dst.Float64s = take(dst.Float64s, src.Float64s, indexes)
	default:
		dst.Offsets = slices.Grow(dst.Offsets, len(indexes))
		for _, i := range indexes {
			dst.Data = append(dst.Data, src.Data[src.Offsets[i]:src.Offsets[i+1]]...)
			dst.Offsets = append(dst.Offsets, int64(len(dst.Data)))
		}
	}
}

func take[T any](dst, src []T, indexes []int32) []T {
	dst = slices.Grow(dst, len(indexes))
	n := len(dst)
	dst = dst[:n+len(indexes)]
	for k, i := range indexes {
		dst[n+k] = src[i]
	}
	return dst
}
