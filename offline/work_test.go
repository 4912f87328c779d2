package offline_test

import (
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// A value of column k takes 1 byte, of at 2, of known 5 and of value 5: memFile says so.
const groupsOfEveryKind = `
source s
  k string | at event | known available | value int64
  a | 08:00 | 08:00 | 1
  a | 08:01 | 08:01 | 1
  --
  a | 09:00 | 09:30 | 2
  --
  a | 10:00 | 10:00 | 3
  --
  a | 09:30 | 12:00 | 4
  --
  null | 10:00 | 10:00 | 5
  b | 10:00 | 10:00 | 5
  b | 10:00 | 10:00 | 5
  --
  a | null | 10:00 | 6
view v
  keys k
  ttl 1h
  delay 1m
  features value, again = value
join
  k string | at event => v__value | v__again
  a | 10:00 => 2 | 2
  a | null => null | null
  a | 10:01 => 3 | 3
`

func TestAPlanSaysWhatIsReadAndWhyTheRestIsNotAndTheWorkIsThat(t *testing.T) {
	c := parse(t, groupsOfEveryKind)
	files := &memFiles{sources: c.Sources, chunk: 10, recording: true}
	engine := offline.New(files, offline.Options{Workers: 1})
	request := offline.Request{Spine: newMemSpine(t, c.Spine, 2), Selection: c.Selection}
	plan, err := engine.Explain(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if len(files.scanned) > 0 || files.opened.Load() != files.closed.Load() {
		t.Errorf("the plan read %v; %d files opened, %d closed", files.scanned, files.opened.Load(), files.closed.Load())
	}
	first, _ := c.RequestTime(0)
	last, _ := c.RequestTime(2)
	// Keys and times are 8 bytes a row. Both features are of one column: 5 bytes each.
	want := &offline.Work{
		Rows: 3, First: first, Last: last, Parts: 1, PartRows: 3, Partitions: 1,
		Views: []offline.ViewWork{{
			View: "v@1", Files: 1, Read: offline.GroupWork{Groups: 3, Rows: 5, Bytes: 40},
			Skipped: map[offline.Reason]offline.GroupWork{
				offline.ReasonTTL:   {Groups: 1, Rows: 2, Bytes: 16},
				offline.ReasonLater: {Groups: 1, Rows: 1, Bytes: 8},
				offline.ReasonNull:  {Groups: 1, Rows: 1, Bytes: 8},
			},
			Features: offline.GroupWork{Groups: 3, Rows: 5, Bytes: 50},
		}},
	}
	memory := cmpopts.IgnoreFields(offline.Work{}, "Memory")
	if diff := cmp.Diff(want, plan, memory); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	if plan.Memory.Part < 3*100 || plan.Memory.Part > 3*400 || plan.Memory.Batches != 5*24 {
		t.Errorf("memory %+v", plan.Memory)
	}

	res, err := engine.Train(t.Context(), request, func(*arrow.Schema) (offline.Output, error) { return &memOutput{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	want.Views[0].Features = offline.GroupWork{Groups: 2, Rows: 2, Bytes: 20} // those of rows 2 and 3
	want.Views[0].Winners = 2
	want.Stages = []offline.StageWork{
		{Stage: offline.StageSpine, Rows: 3},
		{Stage: offline.StageScan, View: "v@1", Rows: 5},
		{Stage: offline.StageGather, View: "v@1", Rows: 2},
		{Stage: offline.StageWrite, Rows: 3},
	}
	took := res.Work.Took
	for i := range res.Work.Stages {
		took -= res.Work.Stages[i].Took
		if res.Work.Stages[i].Took <= 0 {
			t.Errorf("no time for %+v", res.Work.Stages[i])
		}
	}
	if took < 0 {
		t.Errorf("the stages took longer than all of it: %+v", res.Work)
	}
	if diff := cmp.Diff(want, &res.Work, memory, cmpopts.IgnoreFields(offline.Work{}, "Took"), cmpopts.IgnoreFields(offline.StageWork{}, "Took")); diff != "" {
		t.Errorf("the work (-want +got):\n%s", diff)
	}
}

// Each part has a range of its own: the first reads what the second skips.
func TestPartsArePlannedCountedAndTold(t *testing.T) {
	c := parse(t, groupsOfEveryKind)
	var parts []int
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 10}, offline.Options{Workers: 1, Memory: 1, Progress: func(p offline.Progress) {
		if p.Stage == offline.StageWrite && p.Done == p.Total {
			parts = append(parts, p.Part, p.Parts)
		}
	}})
	request := offline.Request{Spine: newMemSpine(t, c.Spine, 2), Selection: c.Selection}
	plan, err := engine.Explain(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Parts != 3 || plan.PartRows != 1 || plan.Memory.Budget != 1 {
		t.Errorf("planned %+v", plan)
	}
	res, err := engine.Train(t.Context(), request, func(*arrow.Schema) (offline.Output, error) { return &memOutput{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	v := res.Work.Views[0]
	// At 10:00 the groups of 09:00 and, as its delay ends at 10:01, no other; without a
	// time none; at 10:01 the groups of 10:00 and of b: 09:00 has outlived the TTL.
	if res.Work.Parts != 3 || v.Read != (offline.GroupWork{Groups: 3, Rows: 5, Bytes: 40}) || v.Winners != 2 {
		t.Errorf("worked %+v", res.Work)
	}
	if got := v.Skipped[offline.ReasonNoRequests]; got.Groups != 6 {
		t.Errorf("a part without a time skipped %+v", got)
	}
	if want := []int{1, 3, 2, 3, 3, 3}; !cmp.Equal(parts, want) {
		t.Errorf("parts told: %v, want %v", parts, want)
	}
	if res.Work.First == feature.MaxTime {
		t.Error("no range of times")
	}
}

// sampledSpine gives 3 rows of a source of a thousand.
type sampledSpine struct{ offline.Spine }

func (s sampledSpine) Rows() int64 { return 3 }

func (s sampledSpine) Source() feature.File {
	source := s.Spine.Source()
	source.Rows = 1000
	return source
}

func TestThePartsOfASampleAreThoseOfItsRows(t *testing.T) {
	c := parse(t, groupsOfEveryKind)
	var told []offline.Progress
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 10}, offline.Options{Workers: 1, Memory: 1, Progress: func(p offline.Progress) {
		if p.Stage == offline.StageSpine && p.Done > 0 {
			told = append(told, p)
		}
	}})
	request := offline.Request{Spine: sampledSpine{newMemSpine(t, c.Spine, 2)}, Selection: c.Selection}
	plan, err := engine.Explain(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if plan.Rows != 3 || plan.Parts != 3 || told[0].Total != 3 {
		t.Errorf("planned %+v, told %+v", plan, told)
	}
	told = nil
	if _, err := engine.Train(t.Context(), request, func(*arrow.Schema) (offline.Output, error) { return &memOutput{}, nil }); err != nil {
		t.Fatal(err)
	}
	for i, p := range told {
		if want := (offline.Progress{Stage: offline.StageSpine, Done: 1, Total: 1, Part: i + 1, Parts: 3}); p != want {
			t.Errorf("told %+v, want %+v", p, want)
		}
	}
	if len(told) != 3 {
		t.Errorf("told %+v", told)
	}
}

func TestAPlanRefusesWhatTrainRefuses(t *testing.T) {
	c := parse(t, flights)
	spine := spineOf(named{"airfield", textArray("SFO")}, named{"at", timeArray(1)})
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 10}, offline.Options{})
	request := offline.Request{Spine: spine, Selection: c.Selection}
	_, planned := engine.Explain(t.Context(), request)
	_, built := engine.Train(t.Context(), request, func(*arrow.Schema) (offline.Output, error) { return &memOutput{}, nil })
	if planned == nil || built == nil || planned.Error() != built.Error() {
		t.Errorf("planned: %v\nbuilt: %v", planned, built)
	}
}
