package ipc

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/bitutil"

	"github.com/quiver-features/quiver/feature"
)

// soundRecord tells whether a record's columns have its length and are sound.
func soundRecord(r arrow.Record) error {
	for i := range int(r.NumCols()) {
		if got := r.Column(i).Len(); int64(got) != r.NumRows() {
			return fmt.Errorf("column %q has %d values in a batch of %d rows: %w", r.ColumnName(i), got, r.NumRows(), feature.ErrInvalid)
		}
		if err := sound(r.Column(i).Data()); err != nil {
			return fmt.Errorf("column %q: %w", r.ColumnName(i), err)
		}
	}
	return nil
}

// sound tells whether an array's buffers hold what its length says. The library
// takes a damaged file's word for it, and reads beyond them.
func sound(d arrow.ArrayData) error {
	layout := d.DataType()
	if ext, ok := layout.(arrow.ExtensionType); ok {
		layout = ext.StorageType()
	}
	n := int64(d.Offset() + d.Len())
	if d.NullN() != 0 && layout.ID() != arrow.NULL && sizeOf(d, 0) > 0 && sizeOf(d, 0) < bitutil.BytesForBits(n) {
		return damaged()
	}
	if d.Len() == 0 {
		return nil
	}
	switch t := layout.(type) {
	case *arrow.StringType, *arrow.BinaryType:
		return offsets[int32](d, sizeOf(d, 2))
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return offsets[int64](d, sizeOf(d, 2))
	case *arrow.ListType, *arrow.MapType:
		return items[int32](d)
	case *arrow.LargeListType:
		return items[int64](d)
	case *arrow.FixedSizeListType:
		if int64(d.Children()[0].Len()) < n*int64(t.Len()) {
			return damaged()
		}
		return sound(d.Children()[0])
	case *arrow.StructType:
		for _, child := range d.Children() {
			if int64(child.Len()) < n {
				return damaged()
			}
			if err := sound(child); err != nil {
				return err
			}
		}
	case arrow.BinaryViewDataType:
		return views(d)
	case *arrow.BooleanType:
		if sizeOf(d, 1) < bitutil.BytesForBits(n) {
			return damaged()
		}
	case arrow.FixedWidthDataType:
		if sizeOf(d, 1) < n*int64(t.BitWidth()/8) {
			return damaged()
		}
	}
	return nil
}

func damaged() error {
	return fmt.Errorf("its buffers are shorter than its length: the file is damaged: %w", feature.ErrInvalid)
}

func sizeOf(d arrow.ArrayData, buffer int) int64 {
	if len(d.Buffers()) <= buffer || d.Buffers()[buffer] == nil {
		return 0
	}
	return int64(d.Buffers()[buffer].Len())
}

func items[T int32 | int64](d arrow.ArrayData) error {
	if err := offsets[T](d, int64(d.Children()[0].Len())); err != nil {
		return err
	}
	return sound(d.Children()[0])
}

// offsets tells whether offsets grow from 0 on and end within what they lead into.
func offsets[T int32 | int64](d arrow.ArrayData, within int64) error {
	n := d.Offset() + d.Len()
	if sizeOf(d, 1) == 0 {
		return damaged()
	}
	all := arrow.GetData[T](d.Buffers()[1].Bytes())
	if len(all) <= n || all[d.Offset()] < 0 || int64(all[n]) > within {
		return damaged()
	}
	for i := d.Offset(); i < n; i++ {
		if all[i] > all[i+1] {
			return damaged()
		}
	}
	return nil
}

// views tells whether text that stands in other buffers is there.
func views(d arrow.ArrayData) error {
	n := d.Offset() + d.Len()
	if sizeOf(d, 1) < int64(n)*int64(arrow.ViewHeaderSizeBytes) {
		return damaged()
	}
	headers := arrow.GetData[arrow.ViewHeader](d.Buffers()[1].Bytes())
	for i := range headers[d.Offset():n] {
		h := &headers[d.Offset()+i]
		switch {
		case h.Len() < 0:
			return damaged()
		case h.IsInline():
		case h.BufferIndex() < 0 || h.BufferOffset() < 0,
			sizeOf(d, 2+int(h.BufferIndex())) < int64(h.BufferOffset())+int64(h.Len()):
			return damaged()
		}
	}
	return nil
}
