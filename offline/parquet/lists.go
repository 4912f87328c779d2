package parquet

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// readLists appends the next n lists; dst nil skips them.
func (r *reader) readLists(dst *feature.Column, n int) error {
	for range n {
		if err := r.need(); err != nil {
			return err
		}
		if r.rep[r.pos] != 0 {
			return r.damaged("row %d begins inside a list", r.row)
		}
		if err := r.readList(dst); err != nil {
			return err
		}
		r.row++
	}
	return nil
}

func (r *reader) readList(dst *feature.Column) error {
	null, items := false, 0
	for first := true; ; first = false {
		if r.pos == r.count {
			// A list may go on in the next page.
			if ok, err := r.next(); err != nil || !ok {
				if err != nil {
					return err
				}
				break
			}
		}
		if !first && r.rep[r.pos] == 0 {
			break
		}
		start, from := r.pos, r.val
		switch d := int(r.def[r.pos]); {
		case d < r.col.listDef:
			null = true
			r.pos++
		case d == r.col.listDef:
			r.pos++
		case d < r.col.leaf.def:
			if dst != nil {
				appendNulls(dst.Items, 1)
			}
			items++
			r.pos++
		default:
			for r.pos < r.count && r.def[r.pos] == byte(r.col.leaf.def) && (r.pos == start || r.rep[r.pos] != 0) {
				r.pos++
			}
			r.val += r.pos - start
			items += r.pos - start
			if dst != nil {
				if err := r.put(dst.Items, from, r.val, r.row); err != nil {
					return err
				}
			}
		}
	}
	if dst == nil {
		return nil
	}
	if !null && r.to.Length > 0 && items != r.to.Length {
		return fmt.Errorf("%s: a list of %d items does not fit type %s: %w", r.where(r.row), items, r.to, feature.ErrInvalid)
	}
	dst.Offsets = append(dst.Offsets, int64(dst.Items.Len()))
	markValid(dst, 1, !null)
	return nil
}
