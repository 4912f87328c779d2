package tiles_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

// fuzzFields are aggregates of every kind of state.
func fuzzFields() []feature.Field {
	var fields []feature.Field
	add := func(name string, f feature.Function, of feature.Type, length feature.Duration) {
		field := over(name, f, of, length, 5)
		if !of.IsZero() {
			field.Aggregate.Column = of.String()
		}
		fields = append(fields, field)
	}
	num, float, text := feature.Scalar(feature.Int64), feature.Scalar(feature.Float64), feature.Scalar(feature.String)
	for i, length := range []feature.Duration{20, 0} {
		for j, f := range feature.Functions() {
			name := string(rune('a'+i)) + string(rune('a'+j))
			if f == feature.TopK && length == 0 {
				continue
			}
			for k, of := range []feature.Type{num, float, text} {
				if _, err := f.Of(of); err == nil {
					add(name+string(rune('a'+k)), f, of, length)
				}
			}
		}
	}
	return append(fields, over("rows", feature.Count, feature.Type{}, 10, 2))
}

// fuzzSection is a section of these with values everywhere, and a patch.
func fuzzSection(t testing.TB, p *tiles.Plan) (section, patch []byte) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 1))
	columns := make([]*feature.Column, len(p.Columns()))
	for i, c := range p.Columns() {
		columns[i] = feature.NewColumn(c.Type, 0)
	}
	b := p.NewBuilder(100)
	b.Reset(true)
	for row := range 60 {
		for i, c := range columns {
			if err := c.AppendAny(randomValue(r, p.Columns()[i].Type)); err != nil {
				t.Fatal(err)
			}
		}
		b.Add(feature.Stamp{Event: feature.Time(60 + row*2/3)}, columns, row)
	}
	patch = b.Append(nil)
	section, err := p.Merge(nil, nil, patch, 100, feature.MinTime)
	if err != nil {
		t.Fatal(err)
	}
	b.Reset(false)
	for g := range p.Groups() {
		b.Touch(g, []int64{18, 19})
	}
	b.Add(feature.Stamp{Event: 95}, columns, 0)
	return section, b.Append(nil)
}

// FuzzSection reads any bytes: an error, or columns that have all grown by one.
func FuzzSection(f *testing.F) {
	fields := fuzzFields()
	p := newPlan(f, fields...)
	section, patch := fuzzSection(f, p)
	f.Add(section, int64(100))
	f.Add(section[:len(section)/2], int64(100))
	f.Add([]byte{}, int64(0))
	reader := p.NewReader()
	f.Fuzz(func(t *testing.T, section []byte, at int64) {
		into := make([]*feature.Column, len(fields))
		for i := range fields {
			into[i] = feature.NewColumn(fields[i].Type, 0)
		}
		err := reader.Answer(section, feature.Time(at), into)
		for i, c := range into {
			if want := map[bool]int{true: 1}[err == nil]; c.Len() != want {
				t.Fatalf("%s: %d values appended, error %v", fields[i].Name, c.Len(), err)
			}
		}
		if err != nil && !errors.Is(err, feature.ErrInvalid) {
			t.Fatal(err)
		}
		if _, err := p.Expires(section); err != nil && !errors.Is(err, feature.ErrInvalid) {
			t.Fatal(err)
		}
		if next, err := p.Merge(nil, section, patch, 100, 100); err == nil {
			// What was understood is written again as it is.
			again, err := p.Merge(nil, next, patch, 100, 100)
			if err != nil || !bytes.Equal(again, next) {
				t.Fatalf("%x became %x, %v, by the same patch", next, again, err)
			}
		} else if !errors.Is(err, feature.ErrInvalid) && !errors.Is(err, feature.ErrConflict) {
			t.Fatal(err)
		}
	})
}

// FuzzPatch reads any bytes as a patch.
func FuzzPatch(f *testing.F) {
	p := newPlan(f, fuzzFields()...)
	section, patch := fuzzSection(f, p)
	f.Add(patch)
	f.Add(patch[:len(patch)/2])
	f.Fuzz(func(t *testing.T, patch []byte) {
		next, err := p.Merge(nil, section, patch, 100, 100)
		if err != nil {
			if !errors.Is(err, feature.ErrInvalid) && !errors.Is(err, feature.ErrConflict) {
				t.Fatal(err)
			}
			return
		}
		if _, err := p.Expires(next); err != nil {
			t.Fatalf("%x can't be read: %v", next, err)
		}
	})
}

// Every cut and every flipped bit is an error, or a section that says something else.
func TestDamageIsAnErrorOrAnotherSection(t *testing.T) {
	fields := fuzzFields()
	p := newPlan(t, fields...)
	section, _ := fuzzSection(t, p)
	reader, into := p.NewReader(), make([]*feature.Column, len(fields))
	try := func(b []byte) error {
		for i := range fields {
			into[i] = feature.NewColumn(fields[i].Type, 1)
		}
		err := reader.Answer(b, 100, into)
		if err != nil && !errors.Is(err, feature.ErrInvalid) {
			t.Fatal(err)
		}
		for i, c := range into {
			if err != nil && c.Len() != 0 {
				t.Fatalf("%s: %d values were appended beside %v", fields[i].Name, c.Len(), err)
			}
		}
		return err
	}
	if err := try(section); err != nil {
		t.Fatal(err)
	}
	for n := range section {
		if try(section[:n:n]) == nil {
			t.Errorf("a section of %d bytes is read of its first %d", len(section), n)
		}
		bad := bytes.Clone(section)
		bad[n] ^= 1 << (n % 8)
		_ = try(bad)
	}
	if try(append(bytes.Clone(section), 0)) == nil {
		t.Error("a byte more was not seen")
	}
	later := bytes.Clone(section)
	later[len(later)-1] = 1
	if err := try(later); err == nil || !bytes.Contains([]byte(err.Error()), []byte("later release")) {
		t.Errorf("a tail of events: got error %v", err)
	}
}
