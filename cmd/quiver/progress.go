package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"

	"github.com/quiver-features/quiver/offline"
)

// meter shows how far long work is: a bar on a terminal, a line every few
// seconds elsewhere.
type meter struct {
	out      io.Writer
	now      func() time.Time
	bars     progress.Writer // nil: not a terminal
	rendered sync.WaitGroup

	mu      sync.Mutex
	current string
	begun   time.Time // current
	tracker *progress.Tracker
	passing bool                   // the tracker is that of stages that pass
	unit    atomic.Pointer[string] // of the stage that passes
	last    time.Time              // that a line was written
}

const meterLines = 5 * time.Second

// newMeter starts a meter; stop ends it.
func newMeter(out io.Writer) *meter {
	m := &meter{out: out, now: time.Now, last: time.Now()}
	if f, ok := out.(*os.File); ok && terminal(out) {
		m.render(terminalWidth(f))
	}
	return m
}

// render has the meter draw bars, on a terminal of so many columns.
func (m *meter) render(width int) {
	m.bars = progress.NewWriter()
	m.bars.SetOutputWriter(m.out)
	m.bars.SetAutoStop(false)
	m.bars.SetTerminalWidth(width) // else it is that of standard output
	// A narrow terminal costs the bar and the name, not the speed and the time left.
	m.bars.SetTrackerLength(min(max(width-94, 6), 24))
	m.bars.SetMessageLength(min(max(width-66, 22), 36))
	m.bars.SetTrackerPosition(progress.PositionRight) // what it is about comes first
	m.bars.SetUpdateFrequency(100 * time.Millisecond)
	options := &m.bars.Style().Options
	options.Separator, options.PercentFormat, options.PercentIndeterminate = "  ", "%3.0f%%", " ???"
	options.TimeInProgressPrecision = 100 * time.Millisecond
	m.bars.Style().Visibility = progress.StyleVisibility{ETA: true, Percentage: true, Speed: true, Time: true, Tracker: true, Value: true}
	m.rendered.Go(m.bars.Render)
}

// advance is how far a stage of long work is, in units such as rows.
type advance struct {
	stage, unit string
	done, total int64 // total 0: unknown
	passing     bool  // the next one takes its bar: there are many like it
}

// training tells how far a training set is.
func (m *meter) training(g offline.Progress) {
	s := advance{stage: string(g.Stage), unit: "rows", done: g.Done, total: g.Total, passing: g.Parts > 1}
	if g.Stage == offline.StageGather {
		s.unit = "values"
	}
	if g.View != "" {
		s.stage += " " + g.View
	}
	if g.Parts > 1 {
		s.stage += fmt.Sprintf(", part %s of %s", count(g.Part), count(g.Parts))
	}
	m.set(s)
}

// set tells how far a stage is. It may be called from several goroutines.
func (m *meter) set(s advance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	began := s.stage != m.current || m.begun.IsZero()
	if began {
		m.current, m.begun = s.stage, m.now()
	}
	if m.bars == nil {
		m.line(s)
		return
	}
	if began {
		m.begin(s)
	}
	if s.total > 0 {
		m.tracker.UpdateTotal(s.total)
	}
	m.tracker.SetValue(s.done)
}

// begin shows the bar of a stage. Stages that pass have one bar, which is not done before
// the last of them is. (A tracker that is removed when it is done is not what is wanted: the
// library forgets its line when it goes back to the first one.)
func (m *meter) begin(s advance) {
	m.unit.Store(&s.unit)
	if s.passing && m.passing && m.tracker != nil {
		m.tracker.Reset()
		m.tracker.UpdateMessage(s.stage)
		m.tracker.UpdateTotal(s.total)
		return
	}
	m.finish()
	units := progress.Units{Notation: " " + s.unit, NotationPosition: progress.UnitsNotationPositionAfter}
	if s.passing {
		units = progress.Units{Formatter: func(n int64) string { return progress.FormatNumber(n) + " " + *m.unit.Load() }}
	}
	m.tracker = &progress.Tracker{Message: s.stage, Total: s.total, Units: units, AutoStopDisabled: s.passing}
	m.passing = s.passing
	m.bars.AppendTracker(m.tracker)
}

func (m *meter) line(s advance) {
	now := m.now()
	if now.Sub(m.last) < meterLines {
		return
	}
	m.last = now
	text := fmt.Sprintf("%s: %s %s", s.stage, count(s.done), s.unit)
	if s.total > 0 {
		text = fmt.Sprintf("%s: %s of %s %s (%s)", s.stage, count(s.done), count(s.total), s.unit, percent(s.done, s.total))
	}
	_, _ = fmt.Fprintln(m.out, text+s.speed(now.Sub(m.begun)))
}

// speed says how much a second was done since the stage began, and how long the rest
// takes at that; in the first second nothing.
func (s *advance) speed(took time.Duration) string {
	if s.done == 0 || took < time.Second {
		return ""
	}
	rate := float64(s.done) / took.Seconds()
	text := fmt.Sprintf(", %s %s/s", short(rate), s.unit)
	if s.total > s.done {
		left := time.Duration(float64(s.total-s.done) / rate * float64(time.Second))
		text += ", " + max(left, time.Second).Round(time.Second).String() + " left"
	}
	return text
}

// short writes a number with three digits at most before its unit: 950, 12.3 k, 1.2 M.
func short(n float64) string {
	for _, u := range []struct {
		name string
		size float64
	}{{"G", 1e9}, {"M", 1e6}, {"k", 1e3}} {
		if n >= 0.99995*u.size { // else 999.96 k would be written 1000.0 k
			return fmt.Sprintf("%.1f %s", n/u.size, u.name)
		}
	}
	return fmt.Sprintf("%.0f", n)
}

// note writes a line, above the bars where there are any.
func (m *meter) note(line string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tracker != nil {
		m.bars.Log("%s", line)
		return
	}
	_, _ = fmt.Fprintln(m.out, line)
}

func (m *meter) finish() {
	if m.tracker != nil {
		m.tracker.MarkAsDone()
		m.tracker = nil
	}
}

// stop ends the bars and waits until the terminal is the caller's again.
func (m *meter) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bars == nil {
		return
	}
	m.finish()
	m.bars.Stop()
	m.rendered.Wait()
	m.bars = nil
}
