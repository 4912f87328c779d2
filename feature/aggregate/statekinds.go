package aggregate

import "github.com/quiver-features/quiver/feature"

type minText struct{ MinText }

// Add implements State.
func (t *minText) Add(v *Value) { t.MinText.Add(v.Bytes) }

// Merge implements State.
func (t *minText) Merge(o State) { t.MinText.Merge(&o.(*minText).MinText) } //nolint:errcheck // of the same New, as State asks

// AppendResult implements State.
func (t *minText) AppendResult(dst *feature.Column, _ float64) bool { return t.appendTo(dst) }

type maxText struct{ MaxText }

// Add implements State.
func (t *maxText) Add(v *Value) { t.MaxText.Add(v.Bytes) }

// Merge implements State.
func (t *maxText) Merge(o State) { t.MaxText.Merge(&o.(*maxText).MaxText) } //nolint:errcheck // of the same New, as State asks

// AppendResult implements State.
func (t *maxText) AppendResult(dst *feature.Column, _ float64) bool { return t.appendTo(dst) }

// Memory implements State.
func (t *text) Memory() int64 { return 32 + int64(cap(t.v)) }

func (t *text) appendTo(dst *feature.Column) bool {
	if t.any {
		dst.AppendBytes(t.v)
	} else {
		dst.AppendNull()
	}
	return t.any
}

type latest struct {
	*LastN
	coder
	list bool
}

// Add implements State.
func (l *latest) Add(v *Value) {
	var room [9]byte
	l.LastN.Add(v.Stamp, l.bytes(room[:0], v))
}

// Merge implements State.
func (l *latest) Merge(o State) { l.LastN.Merge(o.(*latest).LastN) } //nolint:errcheck // of the same New, as State asks

// Memory implements State.
func (l *latest) Memory() int64 { return 80 + l.LastN.Memory() }

// AppendResult implements State.
func (l *latest) AppendResult(dst *feature.Column, _ float64) bool {
	return appendValues(dst, l.list, l.Len(), func(i int) []byte { return l.At(i).Value })
}

type distinct struct {
	Distinct
	coder
}

// Add implements State.
func (d *distinct) Add(v *Value) {
	var room [9]byte
	if !d.isNaN(v) {
		d.Distinct.Add(d.bytes(room[:0], v))
	}
}

// Merge implements State.
func (d *distinct) Merge(o State) { d.Distinct.Merge(&o.(*distinct).Distinct) } //nolint:errcheck // of the same New, as State asks

// Memory implements State.
func (d *distinct) Memory() int64 { return 64 + d.Distinct.Memory() }

// AppendResult implements State.
func (d *distinct) AppendResult(dst *feature.Column, _ float64) bool {
	n := d.Count()
	dst.AppendInt64(n)
	return n > 0
}

type quantile struct {
	Quantile
	coder
}

// Add implements State.
func (q *quantile) Add(v *Value) { q.Quantile.Add(q.float(v)) }

// Merge implements State.
func (q *quantile) Merge(o State) { q.Quantile.Merge(&o.(*quantile).Quantile) } //nolint:errcheck // of the same New, as State asks

// Memory implements State.
func (q *quantile) Memory() int64 { return 144 + q.Quantile.Memory() }

// AppendResult implements State.
func (q *quantile) AppendResult(dst *feature.Column, share float64) bool {
	v, ok := q.Value(share)
	if ok {
		dst.AppendFloat64(v)
	} else {
		dst.AppendNull()
	}
	return ok
}

type top struct {
	TopK
	coder
	k int
}

// Add implements State.
func (t *top) Add(v *Value) {
	var room [9]byte
	if !t.isNaN(v) {
		t.TopK.Add(t.bytes(room[:0], v))
	}
}

// Merge implements State.
func (t *top) Merge(o State) { t.TopK.Merge(&o.(*top).TopK) } //nolint:errcheck // of the same New, as State asks

// Memory implements State.
func (t *top) Memory() int64 { return 64 + 48*int64(len(t.entries)) }

// AppendResult implements State.
func (t *top) AppendResult(dst *feature.Column, _ float64) bool {
	all := t.Top(t.k)
	return appendValues(dst, true, len(all), func(i int) []byte { return []byte(all[i].Value) })
}

// appendValues appends n values as AppendValue encodes them: as a list, or the first of
// them; null where there is none.
func appendValues(dst *feature.Column, list bool, n int, value func(i int) []byte) bool {
	if n == 0 {
		dst.AppendNull()
		return false
	}
	to := dst
	if list {
		to = dst.Items
	} else {
		n = 1
	}
	for i := range n {
		if err := DecodeValue(to, value(i)); err != nil {
			panic(err) // a state holds what AppendValue and AppendWord encode
		}
	}
	if list {
		dst.EndList()
	}
	return true
}
