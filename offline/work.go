package offline

import (
	"slices"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// Work is what a training set takes: as expected by Explain, or as it was.
type Work struct {
	Rows  int64        // of the spine
	First feature.Time // the range of the spine's times; First > Last: there is none
	Last  feature.Time
	// Parts is how often the views are gone over, each time for up to PartRows rows of
	// the spine: as many as Memory allows.
	Parts      int
	PartRows   int64
	Partitions int // that the keys of a part are divided into, by hash; of several sets of keys the most
	Memory     WorkMemory
	Views      []ViewWork    // each view once, in the order of Selection.Uses
	Stages     []StageWork   // in the order in which they began; nil in a plan
	Took       time.Duration // all of it; 0 in a plan
}

// WorkMemory is bytes of memory, about.
type WorkMemory struct {
	Budget  int64 // Options.Memory; 0: none
	Part    int64 // expected of the greatest part: its keys, times, slots, and values (texts and lists are guessed)
	Fixed   int64 // of Part, what fewer rows would take, too, as far as seen
	Open    bool  // there are texts, lists, or windows that keep values of events: Part may turn out to be more
	Batches int64 // expected of source rows on their way to their partition, at most
}

// ViewWork is what is read of a view, in all parts together; one that was given up counts, too.
type ViewWork struct {
	View    string // its ID
	Files   int
	Read    GroupWork            // row groups whose keys and times are read; Bytes are of these columns
	Skipped map[Reason]GroupWork // row groups that can't matter
	// Features are the row groups that values are gathered from: in a plan all of Read,
	// afterwards those with winners. Bytes are of the asked features' column chunks; of
	// these only pages with winners are read.
	Features GroupWork
	Winners  int64 // source rows whose values were read; 0 in a plan
}

// GroupWork counts row groups. Bytes are those of column chunks in the files,
// compressed.
type GroupWork struct {
	Groups int
	Rows   int64
	Bytes  int64
}

func (w *GroupWork) add(o GroupWork) {
	w.Groups, w.Rows, w.Bytes = w.Groups+o.Groups, w.Rows+o.Rows, w.Bytes+o.Bytes
}

// Reason is why a row group is skipped.
type Reason string

// The reasons, by the bounds that the file has of its times.
const (
	ReasonNoRequests Reason = "no_requests" // no row of the spine has a time and all keys
	ReasonNoRows     Reason = "no_rows"     // the row group is empty
	ReasonNull       Reason = "null_times"  // all its times are null
	ReasonLater      Reason = "later"       // its rows are visible after the last time only
	ReasonTTL        Reason = "ttl"         // its rows have outlived the TTL at the first time
	ReasonWindow     Reason = "window"      // its rows have left every window at the first time
	ReasonBefore     Reason = "before"      // its rows are in no part of the range that is asked for
)

// Reasons gives all of them, in their order.
func Reasons() []Reason {
	return []Reason{ReasonNoRequests, ReasonNoRows, ReasonNull, ReasonLater, ReasonTTL, ReasonWindow, ReasonBefore}
}

// StageWork is the time that a stage took, all parts together.
type StageWork struct {
	Stage Stage
	View  string // its ID; empty where the stage is not about one view
	Took  time.Duration
	Rows  int64 // of the spine, or source rows (StageScan, StageAudit); of StageGather winners, of StageDerive distinct keys and times
}

// view gives the work on a view.
func (w *Work) view(id string) *ViewWork {
	i := slices.IndexFunc(w.Views, func(v ViewWork) bool { return v.View == id })
	if i < 0 {
		w.Views = append(w.Views, ViewWork{View: id, Skipped: map[Reason]GroupWork{}})
		i = len(w.Views) - 1
	}
	return &w.Views[i]
}

// took adds to the time of a stage.
func (w *Work) took(stage Stage, view string, since time.Time, rows int64) {
	i := slices.IndexFunc(w.Stages, func(s StageWork) bool { return s.Stage == stage && s.View == view })
	if i < 0 {
		w.Stages = append(w.Stages, StageWork{Stage: stage, View: view})
		i = len(w.Stages) - 1
	}
	w.Stages[i].Took += time.Since(since)
	w.Stages[i].Rows += rows
}

// asks widens the range of times.
func (w *Work) asks(from, to feature.Time) {
	w.First, w.Last = min(w.First, from), max(w.Last, to)
}

// choose gives the row groups of a view that have to be read for a span, and notes why
// the others are not. asked is false where nothing is asked for; more are columns that
// are read beside keys and times.
func (v *ViewWork) choose(t *table, s span, asked bool, more ...string) (groups []int, read GroupWork) {
	columns := slices.Concat(t.columns, more)
	if reads, err := t.reads(columns...); err == nil { // else it is told when they are read
		columns = reads
	}
	for g := range t.groups {
		why := ReasonNoRequests
		if asked {
			why = t.skips(g, s)
		}
		work := t.work(g, columns)
		if why == "" {
			groups = append(groups, g)
			read.add(work)
			continue
		}
		skipped := v.Skipped[why]
		skipped.add(work)
		v.Skipped[why] = skipped
	}
	v.Read.add(read)
	return groups, read
}

// work gives what reading columns of a row group takes.
func (t *table) work(group int, columns []string) GroupWork {
	g := &t.groups[group]
	w := GroupWork{Groups: 1, Rows: int64(g.rows)}
	for _, c := range columns {
		w.Bytes += t.open[g.file].Bytes(g.group, c)
	}
	return w
}
