package parquet

import (
	"bytes"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"

	"github.com/quiver-features/quiver/feature"
)

// step is one level on the way from a top-level column to a leaf.
type step struct {
	nullable bool
	child    int            // of a struct; 0 the key and 1 the value of a map
	rep      int            // repetition level of the items of a list
	next     *step          // nil: this is the leaf
	leaf     arrow.DataType // of the leaf's values
}

// pathsOf gives the way to each leaf below a field, in the order of the leaves.
func pathsOf(f arrow.Field, rep int) []*step {
	here := func(child, rep int, next *step) *step {
		return &step{nullable: f.Nullable || f.Type.ID() == arrow.NULL, child: child, rep: rep, next: next}
	}
	var all []*step
	switch t := f.Type.(type) {
	case *arrow.MapType:
		for _, s := range pathsOf(arrow.Field{Type: t.KeyType()}, rep+1) {
			all = append(all, here(0, rep+1, s))
		}
		for _, s := range pathsOf(t.ItemField(), rep+1) {
			all = append(all, here(1, rep+1, s))
		}
	case arrow.ListLikeType:
		for _, s := range pathsOf(t.ElemField(), rep+1) {
			all = append(all, here(0, rep+1, s))
		}
	case *arrow.StructType:
		for i, child := range t.Fields() {
			for _, s := range pathsOf(child, rep) {
				all = append(all, here(i, rep, s))
			}
		}
	default:
		s := here(0, rep, nil)
		s.leaf = f.Type
		if d, ok := f.Type.(*arrow.DictionaryType); ok {
			s.leaf = d.ValueType
		}
		return []*step{s}
	}
	return all
}

// end gives the last step.
func (s *step) end() *step {
	for s.next != nil {
		s = s.next
	}
	return s
}

// run is a run of entries of an array, with the repetition levels of the first
// and of the others.
type run struct {
	lo, hi      int
	first, rest int
}

// one is entry i of the run alone.
func (r run) one(i int) run {
	if i > r.lo {
		r.first = r.rest
	}
	r.lo, r.hi = i, i+1
	return r
}

// leafPage is what a leaf's page holds so far.
type leafPage struct {
	maxDef, maxRep uint8
	defs, reps     []uint8 // levels; empty where the maximum is 0
	entries        int     // values, nulls and empty lists
	values         pageValues
	present        []uint8 // scratch: 1 for a value, 0 for a null
}

// walk appends a run of entries of an array, as far as they concern the leaf. def
// is the definition level that stands above them.
func (p *leafPage) walk(arr arrow.Array, s *step, r run, def uint8) error {
	if s.next == nil {
		return p.leaf(arr, s, r, def)
	}
	nulls := anyNull(arr, r.lo, r.hi)
	if nulls && !s.nullable {
		return errNull
	}
	inner := def
	if s.nullable {
		inner++
	}
	if a, ok := arr.(*array.Struct); ok && !nulls {
		return p.walk(a.Field(s.child), s.next, r, inner)
	}
	for i := r.lo; i < r.hi; i++ {
		at := r.one(i)
		if nulls && arr.IsNull(i) {
			p.null(at.first, def)
			continue
		}
		if err := p.inside(arr, s, at, inner); err != nil {
			return err
		}
	}
	return nil
}

// inside appends what one entry of a nested array, which is not null, holds.
func (p *leafPage) inside(arr arrow.Array, s *step, r run, def uint8) error {
	switch a := arr.(type) {
	case *array.Struct:
		return p.walk(a.Field(s.child), s.next, r, def)
	case array.ListLike:
		items := a.ListValues()
		if m, ok := arr.(*array.Map); ok {
			items = m.Keys()
			if s.child == 1 {
				items = m.Items()
			}
		}
		lo, hi := a.ValueOffsets(r.lo)
		if lo == hi {
			p.null(r.first, def)
			return nil
		}
		return p.walk(items, s.next, run{lo: int(lo), hi: int(hi), first: r.first, rest: s.rep}, def+1)
	default:
		return fmt.Errorf("an array of type %s is not what the schema says: %w", arr.DataType(), feature.ErrInvalid)
	}
}

var errNull = fmt.Errorf("a null in a column that the schema says has none: %w", feature.ErrInvalid)

// leaf appends entries of the leaf's own array.
func (p *leafPage) leaf(arr arrow.Array, s *step, r run, def uint8) error {
	if d, ok := arr.(*array.Dictionary); ok {
		return p.indexed(d, s, r, def)
	}
	nulls := anyNull(arr, r.lo, r.hi)
	if !s.nullable {
		if nulls {
			return errNull
		}
		p.levels(r, def)
		return p.values.take(arr, r.lo, r.hi, nil)
	}
	p.levels(r, def+1)
	if !nulls {
		return p.values.take(arr, r.lo, r.hi, nil)
	}
	p.present = validity(p.present[:0], arr, r.lo, r.hi)
	defs := p.defs[len(p.defs)-len(p.present):]
	for i, v := range p.present {
		defs[i] = def + v
	}
	return p.values.take(arr, r.lo, r.hi, p.present)
}

// indexed appends entries that stand in an Arrow dictionary.
func (p *leafPage) indexed(d *array.Dictionary, s *step, r run, def uint8) error {
	inner := def
	if s.nullable {
		inner++
	}
	texts := d.Dictionary()
	for i := r.lo; i < r.hi; i++ {
		at := r.one(i)
		null := d.IsNull(i)
		k := 0
		if !null {
			k = d.GetValueIndex(i)
			null = texts.IsNull(k)
		}
		switch {
		case null && !s.nullable:
			return errNull
		case null:
			p.null(at.first, def)
		default:
			p.levels(at, inner)
			if err := p.values.take(texts, k, k+1, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// levels appends the levels of a run that has one definition level.
func (p *leafPage) levels(r run, def uint8) {
	n := r.hi - r.lo
	p.entries += n
	if p.maxDef > 0 {
		p.defs = repeat(p.defs, def, n)
	}
	if p.maxRep > 0 && n > 0 {
		p.reps = append(p.reps, uint8(r.first))
		p.reps = repeat(p.reps, uint8(r.rest), n-1)
	}
}

func (p *leafPage) null(rep int, def uint8) {
	p.levels(run{hi: 1, first: rep}, def)
}

// size is what the page takes in memory, about.
func (p *leafPage) size() int {
	return p.values.size() + (len(p.defs)+len(p.reps))/8
}

// nulls counts the entries that are no values.
func (p *leafPage) nulls() int {
	if p.maxDef == 0 {
		return 0
	}
	return p.entries - bytes.Count(p.defs, []byte{p.maxDef})
}

func (p *leafPage) reset() {
	p.defs, p.reps, p.entries = p.defs[:0], p.reps[:0], 0
	p.values.reset()
}

func repeat(dst []uint8, v uint8, n int) []uint8 {
	at := len(dst)
	dst = grow(dst, n)
	for i := range dst[at:] {
		dst[at+i] = v
	}
	return dst
}

// anyNull tells whether there is a null among the entries lo to hi. (NullN, which
// an array counts when it is asked first, must not be asked by several goroutines.)
func anyNull(arr arrow.Array, lo, hi int) bool {
	if arr.DataType().ID() == arrow.NULL {
		return lo < hi
	}
	bitmap := arr.NullBitmapBytes()
	return len(bitmap) > 0 && bitutil.CountSetBits(bitmap, arr.Data().Offset()+lo, hi-lo) < hi-lo
}

// validity appends 1 for each value and 0 for each null.
func validity(dst []uint8, arr arrow.Array, lo, hi int) []uint8 {
	if arr.DataType().ID() == arrow.NULL {
		return repeat(dst, 0, hi-lo)
	}
	bitmap, offset := arr.NullBitmapBytes(), arr.Data().Offset()
	at := len(dst)
	dst = grow(dst, hi-lo)
	for i := range dst[at:] {
		k := offset + lo + i
		dst[at+i] = bitmap[k>>3] >> (k & 7) & 1
	}
	return dst
}
