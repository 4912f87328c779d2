package parquet

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// pageReader reads the pages of a column chunk. What a page claims is held
// against what the chunk has before memory is taken for it or the library is let
// loose on it, so that a damaged page costs no more than a sound one. The
// library's encodings do the decoding; its own reader of pages does not look at
// the claims, takes one compression for all row groups of a column, and reads
// LZ4_RAW and booleans in runs wrongly.
type pageReader struct {
	*scratch
	file       *opened
	leaf       *node
	meta       *format.ColumnMetaData
	most       int64 // entries that a page can have
	start, end int64 // of the chunk in the file
	section    *io.SectionReader
	protocol   thrift.CompactProtocol
	decompress decompressor // nil where pages are as they are
	dict       *dictionary
}

// oldDictionary is what old writers call the encoding of a dictionary and of the
// indexes into it.
const oldDictionary format.Encoding = 2

// page is one data page. It is good until the next one is read.
type page struct {
	entries  int    // values and nulls
	def, rep []byte // levels; nil where the column has none
	present  int    // entries that are no null
	values   encoding.Values
	dict     *dictionary // values are indexes into it; nil where they are values
}

// rows counts the rows that begin in the page: those of lists at their first item.
func (p *page) rows() int {
	if p.rep == nil {
		return p.entries
	}
	return bytes.Count(p.rep, []byte{0})
}

// dictionary is the dictionary page of a chunk.
type dictionary struct {
	values encoding.Values
	len    int
}

// scratch is the memory of pages. Readers of a file hand it on.
type scratch struct {
	buffer       *bufio.Reader
	packed, body []byte
	def, rep     []byte
	data         []byte
	offsets      []uint32
	bits         []byte
	codecs       codecs
}

func (o *opened) newPageReader(group int, leaf *node) (*pageReader, error) {
	meta := &o.meta.RowGroups[group].Columns[leaf.leaf].MetaData
	p := &pageReader{file: o, leaf: leaf, meta: meta, most: meta.NumValues, start: meta.DataPageOffset}
	if leaf.rep == 0 {
		p.most = min(p.most, o.meta.RowGroups[group].NumRows)
	}
	if at := meta.DictionaryPageOffset; at > 0 && at < p.start {
		p.start = at
	}
	p.end = p.start + meta.TotalCompressedSize
	if meta.NumValues == 0 { // some writers do not say where nothing is
		p.start, p.end = 0, 0
	} else if p.start < int64(len(magic)) || p.end < p.start || p.end > o.info.Size-tailSize {
		return nil, fmt.Errorf("the footer places the column at bytes %d to %d of %d", p.start, p.end, o.info.Size)
	}
	p.section = io.NewSectionReader(o.file, p.start, p.end-p.start)
	p.scratch, _ = o.scratch.Get().(*scratch)
	if p.scratch == nil {
		p.scratch = &scratch{buffer: bufio.NewReaderSize(nil, readAhead)}
	}
	var err error
	if p.decompress, err = p.codecs.of(meta.Codec); err != nil {
		p.close()
		return nil, err
	}
	p.buffer.Reset(p.section)
	return p, nil
}

func (p *pageReader) close() {
	if p.scratch != nil {
		p.buffer.Reset(nil)
		p.file.scratch.Put(p.scratch)
		p.scratch = nil
	}
}

// seek goes to the page at an offset of the file.
func (p *pageReader) seek(offset int64) error {
	if offset < p.start || offset > p.end {
		return fmt.Errorf("the page index places a page at byte %d, the column is at %d to %d", offset, p.start, p.end)
	}
	at := offset - p.start
	position, err := p.section.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if ahead := at - position + int64(p.buffer.Buffered()); ahead >= 0 && ahead <= int64(p.buffer.Buffered()) {
		_, err = p.buffer.Discard(int(ahead))
		return err
	}
	_, err = p.section.Seek(at, io.SeekStart)
	p.buffer.Reset(p.section)
	return err
}

// next reads the next data page; io.EOF at the end of the chunk.
func (p *pageReader) next() (page, error) {
	for {
		header, err := p.header()
		if err != nil {
			return page{}, err
		}
		if err := p.take(header); err != nil {
			return page{}, err
		}
		switch {
		case header.Type == format.DataPage && header.DataPageHeader.Valid:
			return p.first(&header.DataPageHeader.V, int(header.UncompressedPageSize))
		case header.Type == format.DataPageV2 && header.DataPageHeaderV2.Valid:
			return p.second(&header.DataPageHeaderV2.V, int(header.UncompressedPageSize))
		case header.Type == format.DictionaryPage && header.DictionaryPageHeader.Valid:
			if err := p.readDictionary(header); err != nil {
				return page{}, err
			}
		default:
			return page{}, fmt.Errorf("a page is of unknown type %d", header.Type)
		}
	}
}

// header reads a page's header and holds its claims against the chunk; io.EOF at
// the end of the chunk.
func (p *pageReader) header() (*format.PageHeader, error) {
	at, err := p.section.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	at -= int64(p.buffer.Buffered())
	left := p.end - p.start - at
	if left <= 0 {
		return nil, io.EOF
	}
	header, used, err := p.decodeHeader(at, left)
	if err != nil {
		return nil, fmt.Errorf("reading a page's header: %w", err)
	}
	if err := p.seek(p.start + at + int64(used)); err != nil {
		return nil, err
	}
	left -= int64(used)
	if n := header.CompressedPageSize; n < 0 || int64(n) > left {
		return nil, fmt.Errorf("a page of %d bytes is claimed where %d are left", n, left)
	}
	whole := max(p.meta.TotalUncompressedSize, p.meta.TotalCompressedSize)
	if n := header.UncompressedPageSize; n < 0 || int64(n) > whole {
		return nil, fmt.Errorf("a page of %d bytes when decompressed is claimed in a column of %d", n, whole)
	}
	entries := max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues)
	if least := min(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues); least < 0 || int64(entries) > p.most {
		return nil, fmt.Errorf("a page of %d values is claimed in a column of %d", entries, p.most)
	}
	return header, nil
}

// decodeHeader decodes the header at a place of the chunk and gives its size. It is
// decoded from bytes, where no length is believed that is not there; of what is
// buffered, mostly, and of more where its statistics are long.
func (p *pageReader) decodeHeader(at, left int64) (header *format.PageHeader, used int, err error) {
	const longest = 1 << 20
	for _, n := range []int64{int64(p.buffer.Buffered()), readAhead, longest} {
		n = min(n, left)
		var b []byte
		if n <= readAhead {
			if b, err = p.buffer.Peek(int(n)); err != nil {
				return nil, 0, err
			}
		} else {
			b = make([]byte, n)
			if _, err = p.section.ReadAt(b, at); err != nil {
				return nil, 0, err
			}
		}
		header = new(format.PageHeader)
		r := p.protocol.NewReaderFromBytes(b)
		if err = thrift.NewDecoder(r).Decode(header); err == nil {
			return header, r.BytesRead(), nil
		}
	}
	return nil, 0, err
}

// take reads a page's bytes into packed.
func (p *pageReader) take(header *format.PageHeader) error {
	p.packed = sized(p.packed, int(header.CompressedPageSize))
	if _, err := io.ReadFull(p.buffer, p.packed); err != nil {
		return fmt.Errorf("reading a page: %w", err)
	}
	if header.CRC != 0 && uint32(header.CRC) != crc32.ChecksumIEEE(p.packed) {
		return errors.New("a page's checksum is not that of its bytes")
	}
	return nil
}

func sized(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n, n+n/8)
	}
	return b[:n]
}

// unpack gives the decompressed bytes, in body.
func (p *pageReader) unpack(packed []byte, size int) ([]byte, error) {
	if p.decompress == nil {
		return packed, nil
	}
	p.body = sized(p.body, size+copyAhead)[:size]
	if err := p.decompress(p.body, packed); err != nil {
		return nil, fmt.Errorf("decompressing %s: %w", p.meta.Codec, err)
	}
	return p.body, nil
}

// first decodes a data page of the first version.
func (p *pageReader) first(h *format.DataPageHeader, size int) (page, error) {
	body, err := p.unpack(p.packed, size)
	if err != nil {
		return page{}, err
	}
	g := page{entries: int(h.NumValues)}
	for _, l := range p.levels(&g, h.RepetitionLevelEncoding, h.DefinitionLevelEncoding) {
		if l.most == 0 {
			continue
		}
		if l.encoding != format.RLE {
			return page{}, fmt.Errorf("levels in encoding %s can't be read", l.encoding)
		}
		if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
			return page{}, errors.New("a page ends inside its levels")
		}
		n := 4 + int(binary.LittleEndian.Uint32(body))
		if err := l.decode(body[4:n], g.entries); err != nil {
			return page{}, err
		}
		body = body[n:]
	}
	return p.valuesOf(g, body, h.Encoding)
}

// second decodes a data page of the second version, whose levels are not
// compressed.
func (p *pageReader) second(h *format.DataPageHeaderV2, size int) (page, error) {
	body := p.packed
	g := page{entries: int(h.NumValues)}
	lengths := [2]int32{h.RepetitionLevelsByteLength, h.DefinitionLevelsByteLength}
	for i, l := range p.levels(&g, format.RLE, format.RLE) {
		n := int(lengths[i])
		if n < 0 || n > len(body) || n > size {
			return page{}, errors.New("a page ends inside its levels")
		}
		if l.most > 0 {
			if err := l.decode(body[:n], g.entries); err != nil {
				return page{}, err
			}
		}
		body, size = body[n:], size-n
	}
	if !h.IsCompressed.Valid || h.IsCompressed.V {
		var err error
		if body, err = p.unpack(body, size); err != nil {
			return page{}, err
		}
	}
	return p.valuesOf(g, body, h.Encoding)
}

// levels are the levels of a page: repetition first, then definition.
func (p *pageReader) levels(g *page, rep, def format.Encoding) [2]levels {
	return [2]levels{
		{most: p.leaf.rep, encoding: rep, memory: &p.rep, dst: &g.rep},
		{most: p.leaf.def, encoding: def, memory: &p.def, dst: &g.def},
	}
}

// valuesOf decodes the values of a page whose levels are known.
func (p *pageReader) valuesOf(g page, body []byte, e format.Encoding) (page, error) {
	g.present = g.entries
	if g.def != nil {
		g.present = bytes.Count(g.def, []byte{byte(p.leaf.def)})
	}
	var err error
	if e == format.RLEDictionary || e == oldDictionary {
		if g.dict, err = p.dictionary(); err != nil {
			return page{}, err
		}
		g.values, err = p.indexes(body, g.present)
	} else {
		g.values, err = p.values(body, g.present, e)
	}
	return g, err
}

// dictionary gives the chunk's dictionary, which stands at its beginning.
func (p *pageReader) dictionary() (*dictionary, error) {
	if p.dict != nil {
		return p.dict, nil
	}
	// A page behind it was jumped to, and is in packed or body.
	first := &pageReader{
		scratch: &scratch{buffer: bufio.NewReaderSize(nil, readAhead)}, file: p.file, leaf: p.leaf, meta: p.meta, most: p.most,
		start: p.start, end: p.end, decompress: p.decompress,
	}
	first.section = io.NewSectionReader(p.file.file, p.start, p.end-p.start)
	first.buffer.Reset(first.section)
	header, err := first.header()
	if err != nil {
		return nil, err
	}
	if header.Type != format.DictionaryPage || !header.DictionaryPageHeader.Valid {
		return nil, errors.New("a page has indexes into a dictionary, and the column has none")
	}
	if err := first.take(header); err != nil {
		return nil, err
	}
	if err := first.readDictionary(header); err != nil {
		return nil, err
	}
	p.dict = first.dict
	return p.dict, nil
}

// readDictionary decodes a dictionary page into memory of its own.
func (p *pageReader) readDictionary(header *format.PageHeader) error {
	if p.dict != nil {
		return nil
	}
	h := &header.DictionaryPageHeader.V
	if h.Encoding != format.Plain && h.Encoding != oldDictionary {
		return fmt.Errorf("a dictionary in encoding %s can't be read", h.Encoding)
	}
	body, err := p.unpack(p.packed, int(header.UncompressedPageSize))
	if err != nil {
		return err
	}
	if h.NumValues < 0 {
		return fmt.Errorf("a dictionary of %d entries is claimed", h.NumValues)
	}
	own := &pageReader{scratch: &scratch{}, leaf: p.leaf, meta: p.meta}
	d := &dictionary{len: int(h.NumValues)}
	if d.values, err = own.values(bytes.Clone(body), d.len, format.Plain); err != nil {
		return fmt.Errorf("a dictionary: %w", err)
	}
	p.dict = d
	return nil
}
