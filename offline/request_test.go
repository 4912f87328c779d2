package offline_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const flights = `
source flights
  airport string | at event | delay int64
  SFO | 10:00 | 1
  SFO | 11:00 | 2
  LAX | 11:00 | null
  LAX | 11:00 | 3
view last
  keys airport
  features delay
join
  airport string | at event => last__delay
  SFO | 11:00 => 2
`

// arrayOf makes an array of a kind of builder.
func arrayOf[B array.Builder](b B, fill func(B)) arrow.Array {
	defer b.Release()
	fill(b)
	return b.NewArray()
}

func textArray(v ...string) arrow.Array {
	return arrayOf(array.NewStringBuilder(memory.DefaultAllocator), func(b *array.StringBuilder) { b.AppendValues(v, nil) })
}

func timeArray(v ...arrow.Timestamp) arrow.Array {
	return arrayOf(array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Microsecond}),
		func(b *array.TimestampBuilder) { b.AppendValues(v, nil) })
}

func dateArray(v ...arrow.Date32) arrow.Array {
	return arrayOf(array.NewDate32Builder(memory.DefaultAllocator), func(b *array.Date32Builder) { b.AppendValues(v, nil) })
}

func intArray(v ...int64) arrow.Array {
	return arrayOf(array.NewInt64Builder(memory.DefaultAllocator), func(b *array.Int64Builder) { b.AppendValues(v, nil) })
}

type named struct {
	name string
	arr  arrow.Array
}

func spineOf(columns ...named) *memSpine {
	s := &memSpine{record: 2}
	var fields []arrow.Field
	for _, c := range columns {
		s.rows = c.arr.Len()
		s.arrays = append(s.arrays, c.arr)
		fields = append(fields, arrow.Field{Name: c.name, Type: c.arr.DataType(), Nullable: true})
	}
	s.schema = arrow.NewSchema(fields, nil)
	return s
}

// trainOn runs a case on another spine.
func trainOn(t *testing.T, c *offlinetest.Case, spine offline.Spine, time string) (*memOutput, *offline.Result, error) {
	t.Helper()
	out := &memOutput{}
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 2}, offline.Options{Workers: 2})
	res, err := engine.Train(t.Context(), offline.Request{Spine: spine, Selection: c.Selection, EventTimestamp: time},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	return out, res, err
}

// instant is a time of the day that cases are set on, in microseconds.
func instant(t *testing.T, clock string) arrow.Timestamp {
	t.Helper()
	at, err := feature.ParseTime("2001-06-30T" + clock + "Z")
	if err != nil {
		t.Fatal(err)
	}
	return arrow.Timestamp(at)
}

func TestARequestThatDoesNotFitItsSpineIsToldWhatToDo(t *testing.T) {
	c := parse(t, flights)
	at := instant(t, "11:00:00")
	airport, when := named{"airport", textArray("SFO")}, named{"at", timeArray(at)}
	for name, tc := range map[string]struct {
		spine *memSpine
		time  string
		says  []string
	}{
		"no key column": {
			spineOf(named{"airprot", textArray("SFO")}, when), "",
			[]string{"last@1", `"airport"`, `did you mean "airprot"?`, "airprot, at"},
		},
		"a number for text": {
			spineOf(named{"airport", intArray(7)}, when), "",
			[]string{"last@1", "airport", "string", "int64", "as text"},
		},
		"no such time column": {spineOf(airport, when), "aat", []string{`"aat"`, `did you mean "at"?`, "airport, at"}},
		"two time columns": {
			spineOf(airport, when, named{"landed", timeArray(at)}), "",
			[]string{"at, landed", "name the one"},
		},
		"no time column": {
			spineOf(airport, named{"day", dateArray(11503)}), "",
			[]string{"no column is a timestamp", "day (date32)"},
		},
		"a number for the time":        {spineOf(airport, named{"at", intArray(5)}), "at", []string{`"at"`, "int64"}},
		"text that is no time":         {spineOf(airport, named{"at", textArray("soon")}), "at", []string{"at", `"soon"`, "ISO 8601"}},
		"an output of a column's name": {spineOf(airport, when, named{"last__delay", intArray(1)}), "", []string{`"last__delay"`, "rename"}},
		"two columns of one name":      {spineOf(airport, when, airport), "", []string{`two columns named "airport"`}},
		"everything at once": {
			spineOf(named{"x", intArray(1)}, named{"last__delay", intArray(1)}), "y",
			[]string{`"y"`, `"airport"`, `"last__delay"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := trainOn(t, c, tc.spine, tc.time)
			if !errors.Is(err, feature.ErrInvalid) {
				t.Fatalf("got %v, want an error that wraps ErrInvalid", err)
			}
			for _, s := range append(tc.says, "spine.parquet") {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if out.committed || len(out.records) > 0 {
				t.Error("something was written")
			}
		})
	}
}

func TestTextForNumberKeysIsAnError(t *testing.T) {
	c := parse(t, strings.NewReplacer("airport string", "airport int64", "SFO", "1", "LAX", "2").Replace(flights))
	spine := spineOf(named{"airport", textArray("1")}, named{"at", timeArray(0)})
	_, _, err := trainOn(t, c, spine, "")
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "write the column as integers") {
		t.Errorf("got %v", err)
	}
}

func TestTheTimeOfASpineMayBeADateOrTextWhereItIsNamed(t *testing.T) {
	c := parse(t, strings.ReplaceAll(flights, "SFO | 11:00", "SFO | 00:00"))
	day := dateArray(11503, 11502) // 2001-06-30
	airports := named{"airport", textArray("SFO", "SFO")}
	for name, tc := range map[string]struct {
		spine *memSpine
		time  string
		want  []any
	}{
		"a date":               {spineOf(airports, named{"day", day}), "day", []any{int64(2), nil}},
		"text":                 {spineOf(airports, named{"day", textArray("2001-06-30 10:00", "2001-06-29T23:59:59.999999999Z")}), "day", []any{int64(1), nil}},
		"text in a zone":       {spineOf(airports, named{"day", textArray("2001-06-30T02:00:00+02:00", "2001-06-30T01:59:59+02:00")}), "day", []any{int64(2), nil}},
		"text, named so":       {spineOf(airports, named{"event_timestamp", textArray("2001-06-30", "2001-06-29")}), "", []any{int64(2), nil}},
		"named among two":      {spineOf(airports, named{"a", timeArray(0, 0)}, named{"b", timeArray(instant(t, "10:00:00"), 0)}), "b", []any{int64(1), nil}},
		"named so, beside one": {spineOf(airports, named{"a", timeArray(0, 0)}, named{"event_timestamp", timeArray(instant(t, "10:00:00"), 0)}), "", []any{int64(1), nil}},
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := trainOn(t, c, tc.spine, tc.time)
			if err != nil {
				t.Fatal(err)
			}
			got, err := out.column(tc.spine.schema.NumFields(), feature.Scalar(feature.Int64))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, []any{got.Any(0), got.Any(1)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestIntegerKeysAreEqualByValueOverWidthsAndSigns(t *testing.T) {
	c := parse(t, strings.NewReplacer("airport string", "airport int32", "SFO", "-1", "LAX", "2").Replace(flights))
	mem := memory.DefaultAllocator
	at := instant(t, "12:00:00")
	for name, arr := range map[string]arrow.Array{
		"int8":   arrayOf(array.NewInt8Builder(mem), func(b *array.Int8Builder) { b.AppendValues([]int8{-1, 2}, nil) }),
		"int64":  intArray(-1, 2),
		"uint16": arrayOf(array.NewUint16Builder(mem), func(b *array.Uint16Builder) { b.AppendValues([]uint16{0xffff, 2}, nil) }),
		"uint64": arrayOf(array.NewUint64Builder(mem), func(b *array.Uint64Builder) { b.AppendValues([]uint64{math.MaxUint64, 2}, nil) }),
		"beyond": intArray(1<<32-1, 1<<32+2),
	} {
		t.Run(name, func(t *testing.T) {
			out, _, err := trainOn(t, c, spineOf(named{"airport", arr}, named{"at", timeArray(at, at)}), "")
			if err != nil {
				t.Fatal(err)
			}
			got, err := out.column(2, feature.Scalar(feature.Int64))
			if err != nil {
				t.Fatal(err)
			}
			want := map[string][]any{
				"int8": {int64(2), int64(3)}, "int64": {int64(2), int64(3)}, "beyond": {nil, nil},
				"uint16": {nil, int64(3)}, "uint64": {nil, int64(3)},
			}[name]
			if diff := cmp.Diff(want, []any{got.Any(0), got.Any(1)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTrainCountsMatchesTiesAndNulls(t *testing.T) {
	c := parse(t, `
source s
  k string | at event | a int64 | b int64
  same | 10:00 | 1 | 1
  same | 10:00 | 1 | 1
  differ | 10:00 | 1 | 1
  differ | 10:00 | null | 1
  hidden | 10:00 | 1 | 1
  hidden | 10:00 | 1 | 2
  past | 10:00 | 1 | 1
  past | 10:00 | 1 | 2
  past | 10:01 | null | 2
view v
  keys k
  ttl 1h
  features a, b
use v
  only a
join
  k string | at event => v__a
  same | 10:00 => 1
  same | 10:30 => 1
  same | 12:00 => null
  differ | 10:05 => 1
  differ | 10:05 => 1
  hidden | 10:00 => 1
  past | 10:00 => 1
  past | 10:01 => null
  other | 10:00 => null
  null | 10:00 => null
  same | null => null
`)
	_, res, err := setup{workers: 2, chunk: 3, record: 4}.train(t, c)
	if err != nil {
		t.Fatal(err)
	}
	v := res.Views[0]
	got := []int64{res.Rows, v.Matched, v.Ties, v.SameTime, v.Scanned, v.Skipped, res.Features[0].Nulls}
	// Ties: differ twice, hidden (settled by a feature that is not asked for), past
	// at 10:00. At their own time: same, hidden, past twice.
	if diff := cmp.Diff([]int64{11, 7, 4, 4, 9, 0, 5}, got); diff != "" {
		t.Errorf("rows, matched, ties, same time, scanned, skipped, nulls (-want +got):\n%s", diff)
	}
}

func TestTrainingSetsAreTheSameForAnyWorkersMemoryAndRecords(t *testing.T) {
	c := big(t, 2500, 60, 7)
	var want []*feature.Column
	var counts offline.ViewResult
	for _, s := range []struct {
		setup
		memory int64
	}{
		{setup{workers: 1, chunk: 5000, record: 12_000}, 0},
		{setup{workers: 1, chunk: 100, record: 999}, 1},
		{setup{workers: 4, chunk: 300, record: 1000}, 1 << 16},
		{setup{workers: 3, chunk: 64, record: 64, noTimes: true}, 1},
	} {
		out := &memOutput{}
		engine := offline.New(&memFiles{sources: c.Sources, chunk: s.chunk, noTimes: s.noTimes}, offline.Options{Workers: s.workers, Memory: s.memory})
		res, err := engine.Train(t.Context(), offline.Request{Spine: newMemSpine(t, c.Spine, s.record), Selection: c.Selection},
			func(*arrow.Schema) (offline.Output, error) { return out, nil })
		if err != nil {
			t.Fatal(err)
		}
		got, err := out.answer(c)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			oracle, err := offlinetest.Oracle{}.Join(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			want, counts = oracle, res.Views[0]
			if counts.Ties < 300 {
				t.Errorf("only %d ties: the case does not test much", counts.Ties)
			}
		}
		if d := offlinetest.Diff(c, got, want); d != "" {
			t.Fatalf("%+v: %s", s, d)
		}
		v := res.Views[0]
		if v.Matched != counts.Matched || v.Ties != counts.Ties || v.SameTime != counts.SameTime || v.CreatedAfter != counts.CreatedAfter {
			t.Errorf("%+v: counts %+v, want %+v", s, v, counts)
		}
	}
}

func TestRowGroupsThatCannotMatterAreNotRead(t *testing.T) {
	c := parse(t, `
source s
  k string | at event | known available | v int64
  a | 08:00 | 08:00 | 1
  --
  a | 09:00 | 09:30 | 2
  --
  a | 10:00 | 10:00 | 3
  --
  a | 09:30 | 12:00 | 4
  --
  null | 10:00 | 10:00 | 5
  --
  a | null | 10:00 | 6
view v
  keys k
  ttl 1h
  delay 1m
  features v
join
  k string | at event => v__v
  a | 10:00 => 2
  a | 10:01 => 3
`)
	files := &memFiles{sources: c.Sources, chunk: 10, recording: true}
	out := &memOutput{}
	res, err := offline.New(files, offline.Options{Workers: 1}).Train(t.Context(),
		offline.Request{Spine: newMemSpine(t, c.Spine, 10), Selection: c.Selection},
		func(*arrow.Schema) (offline.Output, error) { return out, nil })
	if err != nil {
		t.Fatal(err)
	}
	name := c.Sources[0].Files[0].Name
	want := []string{name + "/1", name + "/2", name + "/4"}
	if diff := cmp.Diff(want, files.scanned); diff != "" {
		t.Error(diff)
	}
	if v := res.Views[0]; v.Scanned != 3 || v.Skipped != 3 {
		t.Errorf("scanned %d rows, skipped %d", v.Scanned, v.Skipped)
	}
}

func TestNothingIsWrittenWhereSomethingFails(t *testing.T) {
	broken := errors.New("broken")
	for name, tc := range map[string]struct {
		change func(*memFiles, *memSpine, *memOutput)
		want   error
	}{
		"the file does not open":   {func(f *memFiles, _ *memSpine, _ *memOutput) { f.failOpen = broken }, broken},
		"the file does not read":   {func(f *memFiles, _ *memSpine, _ *memOutput) { f.failRead = broken }, broken},
		"the output does not take": {func(_ *memFiles, _ *memSpine, o *memOutput) { o.fail = broken }, broken},
		"the spine has shrunk":     {func(_ *memFiles, s *memSpine, _ *memOutput) { s.fewer = 100 }, feature.ErrConflict},
		"the spine has grown":      {func(_ *memFiles, s *memSpine, _ *memOutput) { s.rows -= 100; s.fewer = -100 }, feature.ErrConflict},
	} {
		t.Run(name, func(t *testing.T) {
			c := big(t, 3000, 50, 3)
			files, out := &memFiles{sources: c.Sources, chunk: 100}, &memOutput{}
			spine := newMemSpine(t, c.Spine, 100)
			tc.change(files, spine, out)
			res, err := offline.New(files, offline.Options{Workers: 3}).Train(t.Context(), offline.Request{Spine: spine, Selection: c.Selection},
				func(*arrow.Schema) (offline.Output, error) { return out, nil })
			if !errors.Is(err, tc.want) || res != nil {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if out.committed || !out.aborted {
				t.Errorf("committed %v, aborted %v", out.committed, out.aborted)
			}
			if files.opened.Load() != files.closed.Load() {
				t.Errorf("%d files opened, %d closed", files.opened.Load(), files.closed.Load())
			}
		})
	}
}

func TestACancelledTrainWritesNothingAtWhateverStage(t *testing.T) {
	c := big(t, 3000, 50, 3)
	for _, stage := range []offline.Stage{offline.StageSpine, offline.StageScan, offline.StageGather, offline.StageWrite} {
		t.Run(string(stage), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out := &memOutput{}
			engine := offline.New(&memFiles{sources: c.Sources, chunk: 100}, offline.Options{Workers: 2, Progress: func(p offline.Progress) {
				if p.Stage == stage {
					cancel()
				}
			}})
			_, err := engine.Train(ctx, offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection},
				func(*arrow.Schema) (offline.Output, error) { return out, nil })
			if !errors.Is(err, context.Canceled) || out.committed || !out.aborted {
				t.Errorf("got %v, committed %v, aborted %v", err, out.committed, out.aborted)
			}
		})
	}
}

func TestProgressEndsAtItsTotal(t *testing.T) {
	c := big(t, 3000, 50, 3)
	last := map[offline.Stage]offline.Progress{}
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 100}, offline.Options{Workers: 2, Progress: func(p offline.Progress) {
		if p.Done < last[p.Stage].Done {
			t.Errorf("%+v after %+v", p, last[p.Stage])
		}
		last[p.Stage] = p
	}})
	_, err := engine.Train(t.Context(), offline.Request{Spine: newMemSpine(t, c.Spine, 100), Selection: c.Selection},
		func(*arrow.Schema) (offline.Output, error) { return &memOutput{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, stage := range []offline.Stage{offline.StageSpine, offline.StageScan, offline.StageGather, offline.StageWrite} {
		p := last[stage]
		if p.Total == 0 || p.Done != p.Total {
			t.Errorf("%+v is not at its end", p)
		}
		got = append(got, fmt.Sprint(p.Stage, " ", p.View))
	}
	if diff := cmp.Diff([]string{"spine ", "scan last@1", "gather last@1", "write "}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnEmptySpineGivesAnEmptyTrainingSet(t *testing.T) {
	c := parse(t, flights)
	out, res, err := trainOn(t, c, spineOf(named{"airport", textArray()}, named{"at", timeArray()}), "")
	if err != nil || res.Rows != 0 || !out.committed {
		t.Errorf("got %+v, %v, committed %v", res, err, out.committed)
	}
}
