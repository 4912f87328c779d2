package parquet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sort"

	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// reader reads one column of one row group, forwards, into columns of one type.
type reader struct {
	file    *opened
	group   int
	col     *column
	to      feature.Type
	convert converter

	rows  int // of the group
	row   int // the next row to be read
	pages *pageReader
	index []format.PageLocation // nil: the file has no offset index, or it is not wanted
	at    int                   // of the page in index

	count int    // entries of the page: values and nulls
	pos   int    // the next entry
	val   int    // the next non-null value
	dense bool   // no entry is null
	def   []byte // definition levels; nil where nothing can be null
	rep   []byte // repetition levels; nil but for lists
	vals  values
	idx   []int32 // indexes into dict; nil for a plain page
	ended bool

	source *dictionary     // that dict was made of
	dict   *feature.Column // the dictionary in the wanted type
	bad    map[int32]bool  // entries of the dictionary that do not fit
	dvals  values
	picks  []int32
}

func (o *opened) newReader(group int, col *column, to feature.Type, convert converter) (*reader, error) {
	r := &reader{file: o, group: group, col: col, to: to, convert: convert, rows: int(o.meta.RowGroups[group].NumRows)}
	var err error
	if r.pages, err = o.newPageReader(group, col.leaf); err != nil {
		return nil, r.broken(err)
	}
	return r, nil
}

// withIndex, called before anything is read, makes skips jump over pages where the file has an offset index.
func (r *reader) withIndex() {
	// A damaged index is not needed: the pages are read through instead.
	_ = guard(r.file.path, func() error {
		index, err := r.file.pq.RowGroups()[r.group].ColumnChunks()[r.col.leaf.leaf].OffsetIndex()
		if err != nil || index == nil || index.NumPages() == 0 {
			return err
		}
		locations := make([]format.PageLocation, index.NumPages())
		for i := range locations {
			locations[i] = format.PageLocation{Offset: index.Offset(i), FirstRowIndex: index.FirstRowIndex(i)}
			if i == 0 && locations[i].FirstRowIndex != 0 || i > 0 && locations[i].FirstRowIndex <= locations[i-1].FirstRowIndex {
				return nil
			}
		}
		r.index, r.at = locations, -1
		return nil
	})
}

func (r *reader) close() {
	if r.pages != nil {
		r.pages.close()
		r.pages = nil
	}
}

// where names the place of a row for messages.
func (r *reader) where(row int) string {
	return fmt.Sprintf("%s: row group %d, row %d, column %q", r.file.path, r.group, row, r.col.name)
}

func (r *reader) misfit(row int, v *values, i int) error {
	return fmt.Errorf("%s: value %s (%s in the file) does not fit type %s: correct the value, or declare another type: %w",
		r.where(row), v.text(r.col.logical, i), r.col.logical, r.to.Elem(), feature.ErrInvalid)
}

// broken is the error of pages that can't be read.
func (r *reader) broken(err error) error {
	if kind := feature.ErrorKind(err); kind != nil {
		return fmt.Errorf("%s: row group %d, column %q: %w", r.file.path, r.group, r.col.name, err)
	}
	return broken(r.file.path, fmt.Sprintf("row group %d, column %q, near row %d", r.group, r.col.name, r.row), err)
}

func (r *reader) damaged(what string, args ...any) error {
	return fmt.Errorf("%s: row group %d, column %q: %s; the file is damaged, write or copy it again: %w",
		r.file.path, r.group, r.col.name, fmt.Sprintf(what, args...), feature.ErrInvalid)
}

// next loads the next page that has entries; false at the end of the chunk.
func (r *reader) next() (bool, error) {
	for !r.ended {
		page, err := r.pages.next()
		if errors.Is(err, io.EOF) {
			r.ended = true
			break
		}
		if err != nil {
			return false, r.broken(err)
		}
		r.at++
		if r.count = page.entries; r.count == 0 {
			continue
		}
		if r.index != nil && r.at < len(r.index) {
			first := int(r.index[r.at].FirstRowIndex)
			if rows := page.rows(); rows != r.pageEnd()-first {
				return false, r.damaged("the page of row %d has %d rows, the page index tells of %d", first, rows, r.pageEnd()-first)
			}
		}
		return true, r.load(&page)
	}
	r.count, r.pos = 0, 0
	return false, nil
}

// load takes the parts of the page.
func (r *reader) load(p *page) error {
	r.pos, r.val = 0, 0
	r.def, r.rep = p.def, p.rep
	r.dense = p.present == r.count
	if err := r.checkLevels(p.present); err != nil {
		return err
	}
	r.vals.raw = p.values
	r.idx = nil
	if r.col.logical.meaning == allNull {
		if p.present > 0 {
			return r.damaged("a column of nulls has values")
		}
		return nil
	}
	if p.dict != nil {
		r.idx = r.vals.raw.Int32()
		return r.loadDictionary(p.dict)
	}
	return nil
}

// checkLevels refuses levels that the schema does not have: whoever walks over them relies on it.
func (r *reader) checkLevels(present int) error {
	if !r.dense {
		known := present
		for level := range r.col.leaf.def {
			known += bytes.Count(r.def, []byte{byte(level)})
		}
		if known != r.count {
			return r.damaged("a page has definition levels above %d", r.col.leaf.def)
		}
	}
	if r.col.list && bytes.Count(r.rep, []byte{0})+bytes.Count(r.rep, []byte{1}) != r.count {
		return r.damaged("a page has repetition levels above 1")
	}
	return nil
}

// loadDictionary converts a dictionary once per row group. What does not fit
// matters only where a row uses it.
func (r *reader) loadDictionary(dict *dictionary) error {
	if r.source == dict {
		return nil
	}
	n := dict.len
	r.source, r.bad = dict, nil
	r.dvals.raw = dict.values
	r.dict = feature.NewColumn(r.to.Elem(), n)
	for at := 0; at < n; {
		bad := r.convert(r.dict, &r.dvals, at, n)
		if bad == fits {
			break
		}
		if r.bad == nil {
			r.bad = map[int32]bool{}
		}
		r.bad[int32(bad)] = true
		appendZeros(r.dict, 1)
		at = bad + 1
	}
	if r.dict.Len() != n {
		return r.damaged("a dictionary has %d entries, %d were expected", r.dict.Len(), n)
	}
	return nil
}

// put appends the values lo to hi of the page, which are those of consecutive
// rows from row on (of one row, for lists).
func (r *reader) put(dst *feature.Column, lo, hi, row int) error {
	if lo == hi {
		return nil
	}
	step := 1
	if r.col.list {
		step = 0
	}
	if r.idx != nil {
		if r.bad != nil {
			for k, i := range r.idx[lo:hi] {
				if r.bad[i] {
					return r.misfit(row+k*step, &r.dvals, int(i))
				}
			}
		}
		appendIndexed(dst, r.dict, r.idx[lo:hi])
	} else if bad := r.convert(dst, &r.vals, lo, hi); bad != fits {
		return r.misfit(row+(bad-lo)*step, &r.vals, bad)
	}
	markValid(dst, hi-lo, true)
	return nil
}

// read appends the next n rows to dst.
func (r *reader) read(dst *feature.Column, n int) error {
	return guard(r.file.path, func() error {
		if r.col.list {
			return r.readLists(dst, n)
		}
		return r.readFlat(dst, n)
	})
}

func (r *reader) readFlat(dst *feature.Column, n int) error {
	for n > 0 {
		if err := r.need(); err != nil {
			return err
		}
		k := min(n, r.count-r.pos)
		if err := r.putFlat(dst, k); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

// need makes sure that the page has an entry left.
func (r *reader) need() error {
	if r.pos < r.count {
		return nil
	}
	ok, err := r.next()
	if err == nil && !ok {
		err = r.damaged("the column ends after %d rows of %d", r.row, r.rows)
	}
	return err
}

// putFlat appends the next k entries of the page.
func (r *reader) putFlat(dst *feature.Column, k int) error {
	if r.dense {
		if err := r.put(dst, r.val, r.val+k, r.row); err != nil {
			return err
		}
		r.val += k
		r.pos += k
		r.row += k
		return nil
	}
	for end := r.pos + k; r.pos < end; {
		start, present := r.pos, r.def[r.pos] == byte(r.col.leaf.def)
		for r.pos < end && (r.def[r.pos] == byte(r.col.leaf.def)) == present {
			r.pos++
		}
		run := r.pos - start
		if present {
			if err := r.put(dst, r.val, r.val+run, r.row); err != nil {
				return err
			}
			r.val += run
		} else {
			appendNulls(dst, run)
		}
		r.row += run
	}
	return nil
}

// skip passes over rows up to row, jumping over pages where there is an index.
func (r *reader) skip(row int) error {
	if r.index != nil && row >= r.pageEnd() {
		at := sort.Search(len(r.index), func(i int) bool { return r.index[i].FirstRowIndex > int64(row) }) - 1
		if at > r.at {
			first := int(r.index[at].FirstRowIndex)
			if at > r.at+1 || r.at < 0 {
				if err := r.pages.seek(r.index[at].Offset); err != nil {
					return broken(r.file.path, fmt.Sprintf("row group %d, column %q: the page of row %d can't be found", r.group, r.col.name, row), err)
				}
				r.at, r.ended = at-1, false
			}
			r.row, r.pos, r.count = first, 0, 0
			if ok, err := r.next(); err != nil || !ok {
				if err == nil {
					err = r.damaged("the page of row %d is missing", row)
				}
				return err
			}
			r.at = at
		}
	}
	if r.col.list {
		return r.readLists(nil, row-r.row)
	}
	for r.row < row {
		if err := r.need(); err != nil {
			return err
		}
		k := min(row-r.row, r.count-r.pos)
		r.val += k
		if !r.dense {
			r.val += bytes.Count(r.def[r.pos:r.pos+k], []byte{byte(r.col.leaf.def)}) - k
		}
		r.pos += k
		r.row += k
	}
	return nil
}

// pageEnd is the row after the page's last one, by the index.
func (r *reader) pageEnd() int {
	if r.at < 0 {
		return 0
	}
	if r.at+1 < len(r.index) {
		return int(r.index[r.at+1].FirstRowIndex)
	}
	return r.rows
}

// gather appends the given rows, ascending, to dst.
func (r *reader) gather(dst *feature.Column, rows []int32) error {
	return guard(r.file.path, func() error {
		for len(rows) > 0 {
			if int(rows[0]) < r.row || int(rows[0]) >= r.rows {
				return fmt.Errorf("%s: row group %d: row %d was asked for after row %d of %d: %w",
					r.file.path, r.group, rows[0], r.row-1, r.rows, feature.ErrInvalid)
			}
			if err := r.skip(int(rows[0])); err != nil {
				return err
			}
			if r.col.list {
				if err := r.readLists(dst, 1); err != nil {
					return err
				}
				rows = rows[1:]
				continue
			}
			if err := r.need(); err != nil {
				return err
			}
			n, err := r.gatherPage(dst, rows)
			if err != nil {
				return err
			}
			rows = rows[n:]
		}
		return nil
	})
}

// gatherPage appends those of the rows that the page holds, and counts them. The
// first one is the next row of the page.
func (r *reader) gatherPage(dst *feature.Column, rows []int32) (int, error) {
	end := r.row + r.count - r.pos
	n := sort.Search(len(rows), func(i int) bool { return int(rows[i]) >= end })
	r.picks = r.picks[:0]
	from := 0 // of rows, the first of picks
	flush := func() error {
		err := r.pick(dst, rows[from:])
		r.picks = r.picks[:0]
		return err
	}
	for i, row := range rows[:n] {
		if int(row) < r.row {
			return 0, fmt.Errorf("%s: row group %d: rows to be gathered are not ascending at %d: %w", r.file.path, r.group, row, feature.ErrInvalid)
		}
		k := int(row) - r.row
		r.val += k
		if !r.dense {
			r.val += bytes.Count(r.def[r.pos:r.pos+k], []byte{byte(r.col.leaf.def)}) - k
		}
		r.pos += k
		if !r.dense && r.def[r.pos] != byte(r.col.leaf.def) {
			if err := flush(); err != nil {
				return 0, err
			}
			from = i + 1
			appendNulls(dst, 1)
		} else {
			r.picks = append(r.picks, int32(r.val))
			r.val++
		}
		r.pos++
		r.row = int(row) + 1
	}
	return n, flush()
}

// pick appends the values of the page at r.picks, which are those of the rows.
func (r *reader) pick(dst *feature.Column, rows []int32) error {
	if len(r.picks) == 0 {
		return nil
	}
	if r.idx == nil && r.pickDoubles(dst) {
		markValid(dst, len(r.picks), true)
		return nil
	}
	if r.idx == nil {
		for k, p := range r.picks {
			if bad := r.convert(dst, &r.vals, int(p), int(p)+1); bad != fits {
				return r.misfit(int(rows[k]), &r.vals, int(p))
			}
		}
		markValid(dst, len(r.picks), true)
		return nil
	}
	for k, p := range r.picks {
		i := r.idx[p]
		if r.bad[i] {
			return r.misfit(int(rows[k]), &r.dvals, int(i))
		}
		r.picks[k] = i
	}
	appendIndexed(dst, r.dict, r.picks)
	markValid(dst, len(r.picks), true)
	return nil
}

// pickDoubles appends the values at r.picks where they are doubles and wanted as
// such: they always fit, and are most of what is gathered.
func (r *reader) pickDoubles(dst *feature.Column) bool {
	if dst.Type.Kind != feature.Float64 || r.vals.raw.Kind() != encoding.Double {
		return false
	}
	from := r.vals.raw.Double()
	for _, p := range r.picks {
		dst.Float64s = append(dst.Float64s, from[p])
	}
	return true
}
