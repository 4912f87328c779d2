package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// workDocument is what --explain and --stats show: what a training set will take, or
// took. Bytes are those in the files, compressed.
type workDocument struct {
	Rows          int64         `json:"rows"`  // of the spine
	First         *feature.Time `json:"first"` // of the rows' times; nil: there is none
	Last          *feature.Time `json:"last"`
	Parts         int           `json:"parts"`     // of the spine, each with a pass over the views
	PartRows      int64         `json:"part_rows"` // of the greatest part
	KeyPartitions int           `json:"key_partitions"`
	Memory        memoryWork    `json:"memory"`
	Views         []viewWork    `json:"views"`
	Stages        []stageWork   `json:"stages,omitzero"` // of --stats; together they take Seconds
	Seconds       float64       `json:"seconds,omitzero"`
}

// memoryWork is in bytes.
type memoryWork struct {
	Budget   int64 `json:"budget"`            // 0: there is none
	Expected int64 `json:"expected,omitzero"` // of --explain: for the join, about
	Open     bool  `json:"open,omitzero"`     // of --explain: texts, lists, or windows that keep values may make it more
	Peak     int64 `json:"peak_rss,omitzero"` // of --stats: of the process; 0: this system does not tell
	whole    int64 // a budget that joins all rows at once
}

type viewWork struct {
	View     string                       `json:"view"`
	Files    int                          `json:"files"`
	Read     groupWork                    `json:"read"` // keys and times; of --stats by all parts together
	Skipped  map[offline.Reason]groupWork `json:"skipped"`
	Features groupWork                    `json:"features"`          // at most: only pages with winners are read
	Winners  *int64                       `json:"winners,omitempty"` // of --stats: source rows whose values were read
}

type groupWork struct {
	Groups int   `json:"row_groups"`
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"`
}

type stageWork struct {
	Stage   string  `json:"stage"`
	View    string  `json:"view,omitzero"`
	Seconds float64 `json:"seconds"`
	Rows    int64   `json:"rows,omitzero"`
}

// Stages beside the engine's.
const (
	stageOpen   = "open"   // opening the spine, or making it
	stageFinish = "finish" // digest and manifest of what was written
	stageOther  = "other"  // listing and opening files, mostly
)

// explain says how a training set would be made.
func (a *app) explain(ctx context.Context, files *fixedFiles, selection *feature.Selection, t *training) error {
	m := newMeter(a.env.err)
	defer m.stop()
	memory, unbound := boundMemory(t.memory)
	defer unbound()
	engine := offline.New(files, offline.Options{Memory: memory, Workers: t.workers, Progress: m.training})
	spine, err := a.openRows(ctx, engine, memory, selection, t)
	if err != nil {
		return err
	}
	defer func() { _ = spine.Close() }()
	work, err := engine.Explain(ctx, offline.Request{Spine: spine, Selection: selection, EventTimestamp: t.time})
	m.stop()
	if err != nil {
		return err
	}
	d := documentOf(work)
	d.Memory.Expected, d.Memory.Open = work.Memory.Part+work.Memory.Batches, work.Memory.Open
	return a.print(d, func() error { return a.printText(a.planText(d, selection, t)) })
}

// statsOf says what a training set took: the time to open the spine and the time of
// all of it are not the engine's.
func statsOf(w *offline.Work, opened, took time.Duration) *workDocument {
	d := documentOf(w)
	d.Memory.Peak = peakMemory(os.DirFS("/"))
	for i := range d.Views {
		d.Views[i].Winners = &w.Views[i].Winners
	}
	d.Seconds = took.Seconds()
	d.Stages = []stageWork{{Stage: stageOpen, Seconds: opened.Seconds()}}
	other := w.Took
	for _, s := range w.Stages {
		d.Stages = append(d.Stages, stageWork{Stage: string(s.Stage), View: s.View, Seconds: s.Took.Seconds(), Rows: s.Rows})
		other -= s.Took
	}
	d.Stages = append(d.Stages,
		stageWork{Stage: stageFinish, Seconds: (took - opened - w.Took).Seconds()},
		stageWork{Stage: stageOther, Seconds: max(other, 0).Seconds()})
	return d
}

func documentOf(w *offline.Work) *workDocument {
	d := &workDocument{
		Rows: w.Rows, Parts: w.Parts, PartRows: w.PartRows, KeyPartitions: w.Partitions,
		Memory: memoryWork{Budget: w.Memory.Budget, whole: wholeOf(w)}, Views: []viewWork{},
	}
	if w.First <= w.Last {
		d.First, d.Last = &w.First, &w.Last
	}
	for _, v := range w.Views {
		shown := viewWork{View: v.View, Files: v.Files, Read: groupWork(v.Read), Skipped: map[offline.Reason]groupWork{}, Features: groupWork(v.Features)}
		for reason, g := range v.Skipped {
			shown.Skipped[reason] = groupWork(g)
		}
		d.Views = append(d.Views, shown)
	}
	return d
}

// wholeOf gives a budget that joins all rows at once.
func wholeOf(w *offline.Work) int64 {
	return 2 * ((w.Memory.Part-w.Memory.Fixed)/max(w.PartRows, 1)*w.Rows + w.Memory.Fixed)
}

// peakMemory gives the most memory that this process had at once, in bytes. 0: this
// system does not tell.
func peakMemory(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // VmHWM: 24000 kB
		if len(fields) == 3 && fields[0] == "VmHWM:" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err == nil && n > 0 && n < 1<<50 {
				return n << 10
			}
		}
	}
	return 0
}

func (a *app) planText(d *workDocument, selection *feature.Selection, t *training) string {
	memory := "about " + sizeTold(d.Memory.Expected, 1) + " for the join, "
	if d.Memory.Open {
		memory += "more where texts, lists or what windows keep of events are long, "
	}
	memory += d.budget(t)
	end := "this is a plan: nothing was written\n"
	if d.Parts > 1 {
		end = "this is a plan, and each part reads this at most: nothing was written\n"
	}
	return a.pairs(append(d.lines(selection, t), []string{"memory", memory})) +
		"\n" + a.viewTable(d, selection) + "\n" + end
}

// statsText is empty where no statistics are wanted.
func (a *app) statsText(d *workDocument, selection *feature.Selection, t *training) string {
	if d == nil {
		return ""
	}
	memory := d.budget(t)
	if d.Memory.Peak > 0 {
		memory = "peak of the process " + sizeTold(d.Memory.Peak, 1) + ", " + memory
	}
	return "\n" + a.pairs(append(d.lines(selection, t), []string{"memory", memory})) +
		"\n" + a.viewTable(d, selection) + "\n" + a.stageTable(d)
}

func (d *workDocument) budget(t *training) string {
	switch {
	case d.Memory.Budget == 0:
		return "no budget"
	case d.Parts > 1:
		return fmt.Sprintf("budget %s (--memory %dMiB joins all rows at once)", sizeTold(d.Memory.Budget, 1), d.Memory.whole>>20+1)
	case t.memory == 0:
		return fmt.Sprintf("budget %s (a quarter of the machine's)", sizeTold(d.Memory.Budget, 1))
	}
	return "budget " + sizeTold(d.Memory.Budget, 1)
}

// lines say which rows are joined, and how.
func (d *workDocument) lines(selection *feature.Selection, t *training) [][]string {
	rows := count(d.Rows) + " " + t.rowsTold()
	if t.sample != "" {
		rows += " (a sample: " + t.sample + ")"
	}
	if d.First != nil {
		rows += fmt.Sprintf(", from %s to %s", instant(*d.First), instant(*d.Last))
	}
	join := "all rows at once"
	if d.Parts > 1 {
		join = fmt.Sprintf("%s parts of up to %s rows, each a pass over the views", count(d.Parts), count(d.PartRows))
	}
	return [][]string{
		{"rows", rows},
		{"features", fmt.Sprintf("%s of %s", count(len(selection.Outputs)), plural(len(d.Views), "view", "views"))},
		{"join", join + ", keys in " + plural(d.KeyPartitions, "partition", "partitions")},
		{"spilled", "nothing: the join is in memory"},
	}
}

// rowsTold says where the rows come from.
func (t *training) rowsTold() string {
	r := t.rows
	switch {
	case r.asOf != nil:
		return fmt.Sprintf("keys seen up to %s", instant(*r.asOf))
	case r.from != nil:
		return "keys and times of the views' own rows"
	case r.path == "-":
		return "of standard input"
	}
	return "of " + r.path
}

// viewTable says what of the views is read and what is skipped.
func (a *app) viewTable(d *workDocument, selection *feature.Selection) string {
	var lines [][]string
	for i := range d.Views {
		v := &d.Views[i]
		all := v.Read.Rows
		for _, g := range v.Skipped {
			all += g.Rows
		}
		add := func(what, most string, g groupWork) {
			lines = append(lines, []string{"", what, count(g.Groups), count(g.Rows), percent(g.Rows, all), most + sizeTold(g.Bytes, 1)})
		}
		first := len(lines)
		features := "read features"
		if v.Winners != nil {
			features += " of " + plural(int(*v.Winners), "row", "rows")
		}
		if n := usesOf(selection, v.View); n > 1 { // each reads its own
			features += ", in " + count(n) + " roles"
		}
		add("read keys and times of "+plural(v.Files, "file", "files"), "", v.Read)
		add(features, "≤ ", v.Features) // only pages with winners
		for _, reason := range offline.Reasons() {
			if g, ok := v.Skipped[reason]; ok {
				add("skip: "+reasonTold(reason, ttlOf(selection, v.View)), "", g)
			}
		}
		lines[first][0] = v.View
	}
	return a.table([]string{"VIEW", "WHAT", "ROW GROUPS", "ROWS", "SHARE", "BYTES"}, lines, 2, 3, 4, 5)
}

// usesOf counts the uses of a view.
func usesOf(selection *feature.Selection, view string) int {
	n := 0
	for i := range selection.Uses {
		if selection.Uses[i].View.ID() == view {
			n++
		}
	}
	return n
}

func ttlOf(selection *feature.Selection, view string) feature.Duration {
	for i := range selection.Uses {
		if v := selection.Uses[i].View; v.ID() == view {
			return v.Rule.TTL
		}
	}
	return 0
}

func reasonTold(r offline.Reason, ttl feature.Duration) string {
	return cmp.Or(map[offline.Reason]string{
		offline.ReasonNoRequests: "no row has keys and a time",
		offline.ReasonNoRows:     "empty",
		offline.ReasonNull:       "no times",
		offline.ReasonLater:      "visible after the last row",
		offline.ReasonTTL:        "outlived the ttl of " + ttl.String(),
		offline.ReasonWindow:     "left every window before the first row",
		offline.ReasonBefore:     "outside the range",
	}[r], string(r))
}

// stageTable says where the time went.
func (a *app) stageTable(d *workDocument) string {
	var lines [][]string
	for _, s := range d.Stages {
		line := []string{stageTold(s), secondsTold(s.Seconds), share(s.Seconds / max(d.Seconds, 1e-9)), "", ""}
		if s.Rows > 0 {
			line[3] = count(s.Rows)
			if s.Seconds >= 0.01 { // of less, chance says more
				line[4] = short(float64(s.Rows) / s.Seconds)
			}
		}
		lines = append(lines, line)
	}
	lines = append(lines, []string{"all", secondsTold(d.Seconds), "", "", ""})
	return a.table([]string{"STAGE", "TIME", "SHARE", "ROWS", "ROWS/S"}, lines, 1, 2, 3, 4)
}

func secondsTold(s float64) string { return tookText(time.Duration(s * float64(time.Second))) }

func stageTold(s stageWork) string {
	switch s.Stage {
	case stageOpen:
		return "get the rows"
	case string(offline.StageSpine):
		return "read the rows' keys and times"
	case string(offline.StageScan):
		return "keys and times of " + s.View
	case string(offline.StageGather):
		return "features of " + s.View
	case string(offline.StageWindows):
		return "windows of " + s.View
	case string(offline.StageDerive):
		return "expressions of " + s.View
	case string(offline.StageAudit):
		return "audit of " + s.View
	case string(offline.StageWrite):
		return "join and write"
	case stageFinish:
		return "digest and manifest"
	}
	return s.Stage
}
