package parquet

import (
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/parquet-go/parquet-go/format"
)

// chunkWriter makes the column chunks of one leaf, one row group after the other.
// Its bytes depend on the rows only.
type chunkWriter struct {
	column   int // in the schema
	walk     *step
	path     []string
	page     leafPage
	compare  func(a, b []byte) int // of bounds; nil: there are none
	pageRows int                   // of the page in progress
	rows     int                   // of the complete pages
	data     []byte
	times    *numbers[int64] // of a column of timestamps: whether they ascend is told
	last     int64           // of the complete pages of times
	chunk    chunkState
	effort   effort
}

// chunkState is what the footer has to know of a chunk. Offsets count from the
// chunk's first data page.
type chunkState struct {
	meta    format.ColumnMetaData
	index   format.ColumnIndex
	offsets format.OffsetIndex
	indexed bool // each page with values has bounds
	// ascending tells that a column of timestamps has no nulls, and none before an
	// earlier one.
	ascending bool
}

func newChunkWriter(column int, s *step, leaf *node, path []string, codec format.CompressionCodec) (*chunkWriter, error) {
	values, err := valuesOf(s.end().leaf)
	if err != nil {
		return nil, err
	}
	w := &chunkWriter{
		column: column, walk: s, path: path,
		page: leafPage{maxDef: uint8(leaf.def), maxRep: uint8(leaf.rep), values: values},
	}
	w.compare = comparison(leaf.elem.Type.V, orderOf(values))
	if s.next == nil && s.leaf.ID() == arrow.TIMESTAMP {
		w.times, _ = values.(*numbers[int64])
	}
	w.begin(leaf.elem.Type.V, codec)
	return w, nil
}

func orderOf(values pageValues) order {
	switch v := values.(type) {
	case *numbers[int32]:
		return v.order
	case *numbers[int64]:
		return v.order
	case *fixedBytes:
		return v.order
	default:
		return signed
	}
}

// begin begins a chunk.
func (w *chunkWriter) begin(t format.Type, codec format.CompressionCodec) {
	w.rows, w.data = 0, w.data[:0]
	w.effort.begin()
	w.chunk = chunkState{indexed: w.compare != nil, ascending: w.times != nil, meta: format.ColumnMetaData{
		Type: t, Encoding: []format.Encoding{format.RLE}, PathInSchema: w.path, Codec: codec,
	}}
}

// write appends the rows lo to hi of an array. Pages end where enough bytes are
// there and the row is a multiple of blockRows, or at any row where they are far
// too many.
func (w *chunkWriter) write(arr arrow.Array, lo, hi int, s *press) error {
	for at := lo; at < hi; {
		n, err := w.take(arr, at, min(hi, at+blockRows-w.inBlock()))
		if err != nil {
			return err
		}
		at, w.pageRows = at+n, w.pageRows+n
		size := w.page.size()
		if size >= pageMost || size >= pageBytes && w.inBlock() == 0 {
			if err := w.endPage(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// inBlock counts the rows since the last place where pages end.
func (w *chunkWriter) inBlock() int { return (w.rows + w.pageRows) % blockRows }

// take appends rows until the page has far too many bytes, and gives their number.
func (w *chunkWriter) take(arr arrow.Array, lo, hi int) (int, error) {
	if n, ok := span(arr, lo, hi); ok && w.page.size()+n+hi-lo < pageMost {
		return hi - lo, w.page.walk(arr, w.walk, run{lo: lo, hi: hi}, 0)
	}
	for i := lo; i < hi; i++ {
		if err := w.page.walk(arr, w.walk, run{lo: i, hi: i + 1}, 0); err != nil {
			return 0, err
		}
		if w.page.size() >= pageMost {
			return i + 1 - lo, nil
		}
	}
	return hi - lo, nil
}

// size is what the chunk takes in memory, about.
func (w *chunkWriter) size() int { return len(w.data) + w.page.size() }

func (w *chunkWriter) endPage(s *press) error {
	p := &w.page
	body := s.body[:0]
	var err error
	if p.maxRep > 0 {
		if body, err = appendLevels(body, p.reps, p.maxRep); err != nil {
			return err
		}
	}
	if p.maxDef > 0 {
		if body, err = appendLevels(body, p.defs, p.maxDef); err != nil {
			return err
		}
	}
	body, encoding, err := p.values.encode(body)
	if err != nil {
		return err
	}
	s.body = body
	nulls := p.nulls()
	header := format.PageHeader{Type: format.DataPage}
	header.DataPageHeader.Set(format.DataPageHeader{
		NumValues: int32(p.entries), Encoding: encoding,
		DefinitionLevelEncoding: format.RLE, RepetitionLevelEncoding: format.RLE,
		Statistics: format.Statistics{NullCount: int64(nulls)},
	})
	from := len(w.data)
	if w.data, err = w.appendPage(w.data, &header, body, s); err != nil {
		return err
	}
	if !slices.Contains(w.chunk.meta.Encoding, encoding) {
		w.chunk.meta.Encoding = append(w.chunk.meta.Encoding, encoding)
	}
	w.count(format.DataPage, encoding)
	w.chunk.meta.NumValues += int64(p.entries)
	w.chunk.offsets.PageLocations = append(w.chunk.offsets.PageLocations, format.PageLocation{
		Offset: int64(from), CompressedPageSize: int32(len(w.data) - from), FirstRowIndex: int64(w.rows),
	})
	w.describe(nulls)
	w.chunk.ascending = w.chunk.ascending && nulls == 0 && w.ascends()
	w.rows, w.pageRows = w.rows+w.pageRows, 0
	p.reset()
	return nil
}

// ascends tells whether the times of a page without nulls ascend from those of the
// pages before.
func (w *chunkWriter) ascends() bool {
	times := w.times.values
	if !slices.IsSorted(times) || w.rows > 0 && times[0] < w.last {
		return false
	}
	w.last = times[len(times)-1]
	return true
}

// appendPage appends a page to dst and counts its bytes.
func (w *chunkWriter) appendPage(dst []byte, header *format.PageHeader, body []byte, p *press) ([]byte, error) {
	out, uncompressed, err := p.page(dst, header, body, &w.effort)
	w.chunk.meta.TotalUncompressedSize += int64(uncompressed)
	w.chunk.meta.TotalCompressedSize += int64(len(out) - len(dst))
	return out, err
}

// count counts pages by kind and encoding.
func (w *chunkWriter) count(page format.PageType, encoding format.Encoding) {
	stats := &w.chunk.meta.EncodingStats
	for i, s := range *stats {
		if s.PageType == page && s.Encoding == encoding {
			(*stats)[i].Count++
			return
		}
	}
	*stats = append(*stats, format.PageEncodingStats{PageType: page, Encoding: encoding, Count: 1})
}

// describe puts the page's bounds into the column index and widens the chunk's.
func (w *chunkWriter) describe(nulls int) {
	index, stats := &w.chunk.index, &w.chunk.meta.Statistics
	stats.NullCount += int64(nulls)
	index.NullCounts = append(index.NullCounts, int64(nulls))
	empty := nulls == w.page.entries
	index.NullPages = append(index.NullPages, empty)
	least, greatest := []byte{}, []byte{}
	if !empty && w.compare != nil {
		lo, hi, ok := w.page.values.bounds()
		if ok {
			if stats.MinValue == nil || w.compare(lo, stats.MinValue) < 0 {
				stats.MinValue = append([]byte{}, lo...)
			}
			if stats.MaxValue == nil || w.compare(hi, stats.MaxValue) > 0 {
				stats.MaxValue = append([]byte{}, hi...)
			}
			least, greatest = append(least, shortLeast(lo)...), append(greatest, shortGreatest(hi)...)
		}
		w.chunk.indexed = w.chunk.indexed && ok
	}
	index.MinValues, index.MaxValues = append(index.MinValues, least), append(index.MaxValues, greatest)
}

// end completes the chunk and gives what the footer has to know of it, and its
// dictionary page, if there is one. The data are in data until begin.
func (w *chunkWriter) end(s *press) (state chunkState, dictionary []byte, err error) {
	if w.pageRows > 0 {
		if err := w.endPage(s); err != nil {
			return chunkState{}, nil, err
		}
	}
	if values, ok := w.page.values.(*byteArrays); ok {
		if words := values.words; w.encoded(format.RLEDictionary) {
			header := format.PageHeader{Type: format.DictionaryPage}
			header.DictionaryPageHeader.Set(format.DictionaryPageHeader{NumValues: int32(len(values.entries)), Encoding: format.Plain})
			if dictionary, err = w.appendPage(nil, &header, words, s); err != nil {
				return chunkState{}, nil, err
			}
			w.count(format.DictionaryPage, format.Plain)
			if !w.encoded(format.Plain) {
				w.chunk.meta.Encoding = append(w.chunk.meta.Encoding, format.Plain)
			}
		}
		values.endChunk()
	}
	stats := &w.chunk.meta.Statistics
	if max(len(stats.MinValue), len(stats.MaxValue)) > statisticsBytes {
		stats.MinValue, stats.MaxValue = nil, nil
	}
	if w.chunk.indexed {
		w.chunk.index.BoundaryOrder = boundaryOrder(&w.chunk.index, w.compare)
	}
	return w.chunk, dictionary, nil
}

func (w *chunkWriter) encoded(e format.Encoding) bool {
	return slices.Contains(w.chunk.meta.Encoding, e)
}
