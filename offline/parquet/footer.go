package parquet

import (
	"bytes"
	"encoding/binary"
	"slices"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// footer gathers what stands behind the row groups.
type footer struct {
	meta    format.FileMetaData
	indexes [][]chunkState // by row group and leaf
}

func newFooter(elems []format.SchemaElement, leaves int) *footer {
	f := &footer{meta: format.FileMetaData{Version: 2, Schema: elems, RowGroups: []format.RowGroup{}, CreatedBy: "quiver version 1(build )"}}
	for range leaves {
		f.meta.ColumnOrders = append(f.meta.ColumnOrders, format.ColumnOrder{Value: &format.TypeDefinedOrder{}})
	}
	return f
}

// add adds a row group. The offsets of its chunks are those in the file.
func (f *footer) add(chunks []chunkState, rows int) {
	g := format.RowGroup{NumRows: int64(rows), Ordinal: int16(len(f.meta.RowGroups)), SortingColumns: sortingOf(chunks)}
	for i := range chunks {
		meta := &chunks[i].meta
		g.TotalByteSize += meta.TotalUncompressedSize
		g.TotalCompressedSize += meta.TotalCompressedSize
		g.Columns = append(g.Columns, format.ColumnChunk{MetaData: *meta})
		if i == 0 {
			g.FileOffset = meta.DataPageOffset
			if meta.DictionaryPageOffset > 0 {
				g.FileOffset = meta.DictionaryPageOffset
			}
		}
	}
	f.meta.NumRows += int64(rows)
	f.meta.RowGroups = append(f.meta.RowGroups, g)
	f.indexes = append(f.indexes, chunks)
}

// encode gives the bytes of the page indexes and the footer, which stand at an
// offset of the file.
func (f *footer) encode(offset int64) ([]byte, error) {
	var b bytes.Buffer
	e := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(&b))
	for g, chunks := range f.indexes {
		for i := range chunks {
			if !chunks[i].indexed {
				continue
			}
			column := &f.meta.RowGroups[g].Columns[i]
			from := b.Len()
			if err := e.Encode(&chunks[i].index); err != nil {
				return nil, err
			}
			column.ColumnIndexOffset, column.ColumnIndexLength = offset+int64(from), int32(b.Len()-from)
		}
	}
	for g, chunks := range f.indexes {
		for i := range chunks {
			column := &f.meta.RowGroups[g].Columns[i]
			from := b.Len()
			if err := e.Encode(&chunks[i].offsets); err != nil {
				return nil, err
			}
			column.OffsetIndexOffset, column.OffsetIndexLength = offset+int64(from), int32(b.Len()-from)
		}
	}
	from := b.Len()
	if err := e.Encode(&f.meta); err != nil {
		return nil, err
	}
	return append(binary.LittleEndian.AppendUint32(b.Bytes(), uint32(b.Len()-from)), magic...), nil
}

// elementsOf gives the list of schema elements that the footer holds for a node
// and those below.
func elementsOf(name string, n pq.Node, root bool) []format.SchemaElement {
	e := format.SchemaElement{Name: name}
	switch {
	case root: // has no repetition
	case n.Optional():
		e.RepetitionType.Set(format.Optional)
	case n.Repeated():
		e.RepetitionType.Set(format.Repeated)
	default:
		e.RepetitionType.Set(format.Required)
	}
	t := n.Type()
	if l := t.LogicalType(); l != nil {
		e.LogicalType = *l
		if d, ok := l.Value.(*format.DecimalType); ok {
			e.Scale.Set(d.Scale)
			e.Precision.Set(d.Precision)
		}
	}
	if c := t.ConvertedType(); c != nil {
		e.ConvertedType.Set(*c)
	}
	if n.Leaf() {
		e.Type.Set(*t.PhysicalType())
		if length := t.Length(); length > 0 {
			e.TypeLength.Set(int32(length))
		}
		return []format.SchemaElement{e}
	}
	fields := n.Fields()
	e.NumChildren.Set(int32(len(fields)))
	all := []format.SchemaElement{e}
	for _, f := range fields {
		all = append(all, elementsOf(f.Name(), f, false)...)
	}
	return all
}

// leavesOf gives the leaves below a node, with their paths.
func leavesOf(n *node, path []string) (leaves []*node, paths [][]string) {
	if n.leaf >= 0 {
		return []*node{n}, [][]string{path}
	}
	for _, child := range n.children {
		l, p := leavesOf(child, append(slices.Clone(path), child.name()))
		leaves, paths = append(leaves, l...), append(paths, p...)
	}
	return leaves, paths
}

// sortingOf gives the first column that a row group's rows are in the order of.
func sortingOf(chunks []chunkState) []format.SortingColumn {
	i := slices.IndexFunc(chunks, func(c chunkState) bool { return c.ascending })
	if i < 0 {
		return nil
	}
	return []format.SortingColumn{{ColumnIdx: int32(i)}}
}
