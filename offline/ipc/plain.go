package ipc

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// plainType gives the type in which values of a type are passed on: dictionaries as
// what they stand for, views (which polars writes) as plain text and bytes, at every
// depth; all others as they are.
func plainType(t arrow.DataType) (arrow.DataType, error) {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return plainType(t.ValueType)
	case *arrow.StringViewType:
		return arrow.BinaryTypes.String, nil
	case *arrow.BinaryViewType:
		return arrow.BinaryTypes.Binary, nil
	case *arrow.ListType:
		item, err := plainField(t.ElemField())
		return arrow.ListOfField(item), err
	case *arrow.LargeListType:
		item, err := plainField(t.ElemField())
		return arrow.LargeListOfField(item), err
	case *arrow.FixedSizeListType:
		item, err := plainField(t.ElemField())
		return arrow.FixedSizeListOfField(t.Len(), item), err
	case *arrow.StructType:
		fields := t.Fields()
		for i := range fields {
			var err error
			if fields[i], err = plainField(fields[i]); err != nil {
				return nil, err
			}
		}
		return arrow.StructOf(fields...), nil
	case arrow.UnionType, *arrow.RunEndEncodedType, *arrow.ListViewType, *arrow.LargeListViewType:
		return nil, fmt.Errorf("a column of Arrow type %s can't be carried along: cast it, or leave it out of the spine: %w", t, feature.ErrInvalid)
	}
	return t, nil
}

func plainField(f arrow.Field) (arrow.Field, error) {
	t, err := plainType(f.Type)
	if err != nil {
		return f, err
	}
	if f.Type.ID() == arrow.DICTIONARY {
		f.Nullable = true // a dictionary may hold a null
	}
	f.Type = t
	return f, nil
}

// plain gives the schema in the types of plainType.
func plain(schema *arrow.Schema) (*arrow.Schema, error) {
	fields := schema.Fields()
	seen := map[string]bool{}
	for i := range fields {
		name := fields[i].Name
		if seen[name] {
			return nil, fmt.Errorf("two columns are named %q: rename one of them: %w", name, feature.ErrInvalid)
		}
		seen[name] = true
		var err error
		if fields[i], err = plainField(fields[i]); err != nil {
			return nil, fmt.Errorf("column %q: %w", name, err)
		}
	}
	return arrow.NewSchema(fields, nil), nil
}

// toPlain gives an array in the type that plainType gave for its own. The caller
// releases it.
func toPlain(arr arrow.Array, to arrow.DataType) (arrow.Array, error) {
	if arrow.TypeEqual(arr.DataType(), to) {
		arr.Retain()
		return arr, nil
	}
	switch a := arr.(type) {
	case *array.Dictionary:
		return lookUp(a, to)
	case *array.StringView:
		b := array.NewStringBuilder(memory.DefaultAllocator)
		defer b.Release()
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(a.Value(i))
			}
		}
		return b.NewArray(), nil
	case *array.BinaryView:
		b := array.NewBinaryBuilder(memory.DefaultAllocator, arrow.BinaryTypes.Binary)
		defer b.Release()
		for i := range a.Len() {
			if a.IsNull(i) {
				b.AppendNull()
			} else {
				b.Append(a.Value(i))
			}
		}
		return b.NewArray(), nil
	}
	return plainChildren(arr, to)
}

// plainChildren is toPlain for lists and structs: their own buffers stay.
func plainChildren(arr arrow.Array, to arrow.DataType) (arrow.Array, error) {
	nested, ok := to.(arrow.NestedType)
	d := arr.Data()
	if !ok || len(nested.Fields()) != len(d.Children()) {
		return nil, fmt.Errorf("a column of Arrow type %s can't be read as %s: %w", arr.DataType(), to, feature.ErrInvalid)
	}
	children := make([]arrow.ArrayData, len(d.Children()))
	defer func() {
		for _, child := range children {
			if child != nil {
				child.Release()
			}
		}
	}()
	for i, child := range d.Children() {
		values := array.MakeFromData(child)
		converted, err := toPlain(values, nested.Fields()[i].Type)
		values.Release()
		if err != nil {
			return nil, err
		}
		children[i] = converted.Data()
		children[i].Retain()
		converted.Release()
	}
	data := array.NewData(to, d.Len(), d.Buffers(), children, d.NullN(), d.Offset())
	defer data.Release()
	return array.MakeFromData(data), nil
}

// lookUp gives what the values of a dictionary column stand for.
func lookUp(d *array.Dictionary, to arrow.DataType) (arrow.Array, error) {
	if err := sound(d.Dictionary().Data()); err != nil {
		return nil, err
	}
	positions := make([]int, d.Len())
	for i := range positions {
		positions[i] = -1
		if d.IsNull(i) {
			continue
		}
		if positions[i] = d.GetValueIndex(i); positions[i] < 0 || positions[i] >= d.Dictionary().Len() {
			return nil, fmt.Errorf("value %d of a dictionary of %d: %w", positions[i], d.Dictionary().Len(), feature.ErrInvalid)
		}
	}
	values, err := toPlain(d.Dictionary(), to)
	if err != nil {
		return nil, err
	}
	defer values.Release()
	return arrowconv.Take(values, positions)
}
