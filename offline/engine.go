package offline

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
)

// Options set up an Engine. The zero value is useful.
type Options struct {
	// Memory is how many bytes a call should use, about; 0 is as many as it takes.
	// Half of them are for the rows of the spine that are joined at once, with their
	// values: a spine that has more is joined in parts, each with a pass of its own
	// over the views. The result does not depend on it. Latest keeps all keys,
	// whatever it says.
	Memory int64
	// Workers is how many row groups are read at once; 0 is GOMAXPROCS. The result
	// does not depend on it.
	Workers int
	// Progress is told how far a call has come, from one goroutine of the call at a
	// time. It returns quickly: workers wait for it.
	Progress func(Progress)
}

// Progress is how far a call has come. Rows are rows of the spine (StageSpine,
// StageWrite), source rows (StageScan, StageTiles, StageWindows), distinct keys and times of
// the spine (StageDerive) or cells (StageGather). Total is 0 where it is not known.
type Progress struct {
	Stage Stage
	View  string // its ID; empty where the stage is not about one view
	Done  int64
	Total int64
	// Part and Parts tell which part of the spine this is about, from 1, and how many
	// are expected; both are 0 where that is not known.
	Part, Parts int
}

// Stage is a part of a call's work.
type Stage string

// The stages, in their order. StageScan, StageGather, StageWindows and StageDerive come once
// per view and part, all but StageWindows once more after StageAudit. For Latest, StageTiles
// and StageWindows come once per part of the keys, while StageGather goes on.
const (
	StageSpine   Stage = "spine"   // reading the spine's keys and times
	StageScan    Stage = "scan"    // reading a view's keys and times
	StageGather  Stage = "gather"  // reading the values of the winning rows
	StageWindows Stage = "windows" // reading a view's events and adding them to windows
	StageTiles   Stage = "tiles"   // reading which tiles of a view's windows new rows are in
	StageDerive  Stage = "derive"  // computing the features of a view that are expressions
	StageAudit   Stage = "audit"   // reading a view's keys and times once more, where an audit needs it
	StageWrite   Stage = "write"   // joining and writing
)

// Engine computes training sets and latest rows over the files of one data root.
// It is safe for concurrent use; each call has its own workers, which are done
// when it returns.
type Engine struct {
	files     Files
	memory    int64 // bytes; 0: as much as it takes
	ties      int64 // rows in full tie that are remembered
	scattered int64 // offers that wait in batches
	workers   int
	progress  func(Progress)
}

// New makes an engine that reads from files.
func New(files Files, options Options) *Engine {
	e := &Engine{files: files, memory: options.Memory, ties: tiesAtOnce, scattered: scatteredAtOnce, workers: options.Workers, progress: options.Progress}
	if options.Memory > 0 {
		e.ties = min(e.ties, options.Memory/16/bytesPerTie)
		e.scattered = min(e.scattered, options.Memory/8/offerBytes)
	}
	if e.workers <= 0 {
		e.workers = runtime.GOMAXPROCS(0)
	}
	return e
}

// Files fixes the files of a view's source as they stand now, in the order of
// their paths.
func (e *Engine) Files(ctx context.Context, view *feature.ViewVersion) ([]feature.File, error) {
	return e.files.List(ctx, &view.Table)
}

// meter counts a stage's progress for several workers.
type meter struct {
	mu   *sync.Mutex
	tell func(Progress)
	now  Progress
}

func (e *Engine) meter(stage Stage, view string, total int64) *meter {
	return e.meterOf(Progress{Stage: stage, View: view, Total: total})
}

// meter is the engine's, about a part.
func (t *training) meter(stage Stage, view string, total int64) *meter {
	return t.meterOf(Progress{Stage: stage, View: view, Total: total, Part: t.part, Parts: t.parts})
}

func (e *Engine) meterOf(begun Progress) *meter {
	m := &meter{mu: new(sync.Mutex), tell: e.progress, now: begun}
	m.add(0)
	return m
}

// beside makes a meter of a stage that goes on at the same time.
func (m *meter) beside(begun Progress) *meter {
	o := &meter{mu: m.mu, tell: m.tell, now: begun}
	o.add(0)
	return o
}

func (m *meter) add(n int64) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Done += n
	m.tell(m.now)
}

// each calls fn with 0 to n-1 on several goroutines and waits for all of them. The
// first error ends it.
func each(ctx context.Context, n, workers int, fn func(ctx context.Context, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range min(workers, n) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := ctx.Err(); err != nil {
					return err
				}
				if err := fn(ctx, i); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// windowRoom gives the bytes of rows that wait for windows.
func (e *Engine) windowRoom() int64 {
	if e.memory > 0 {
		return min(windowsAtOnce, e.memory/8)
	}
	return windowsAtOnce
}
