package main

import (
	"fmt"
	"io"
	"sync"
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
	last    time.Time // that a line was written
}

const meterLines = 5 * time.Second

// newMeter starts a meter; stop ends it.
func newMeter(out io.Writer) *meter {
	m := &meter{out: out, now: time.Now, last: time.Now()}
	if !terminal(out) {
		return m
	}
	m.bars = progress.NewWriter()
	m.bars.SetOutputWriter(out)
	m.bars.SetAutoStop(false)
	m.bars.SetTrackerLength(24)
	m.bars.SetMessageLength(36)
	m.bars.SetTrackerPosition(progress.PositionRight) // what it is about comes first
	m.bars.SetUpdateFrequency(100 * time.Millisecond)
	m.bars.Style().Visibility = progress.StyleVisibility{ETA: true, Percentage: true, Speed: true, Time: true, Tracker: true, Value: true}
	m.rendered.Go(m.bars.Render)
	return m
}

// training tells how far a training set is.
func (m *meter) training(g offline.Progress) {
	stage, unit := string(g.Stage), "rows"
	if g.View != "" {
		stage += " " + g.View
	}
	if g.Parts > 1 {
		stage += fmt.Sprintf(", part %s of %s", count(g.Part), count(g.Parts))
	}
	if g.Stage == offline.StageGather {
		unit = "values"
	}
	m.set(stage, unit, g.Done, g.Total)
}

// set tells how far the named stage is, in units such as rows. A total of 0 means
// that it is unknown. It may be called from several goroutines.
func (m *meter) set(stage, unit string, done, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	began := stage != m.current || m.begun.IsZero()
	if began {
		m.current, m.begun = stage, m.now()
	}
	if m.bars == nil {
		m.line(unit, done, total)
		return
	}
	if began {
		m.finish()
		m.tracker = &progress.Tracker{Message: stage, Total: total, Units: progress.Units{Notation: " " + unit, NotationPosition: progress.UnitsNotationPositionAfter}}
		m.bars.AppendTracker(m.tracker)
	}
	if total > 0 {
		m.tracker.UpdateTotal(total)
	}
	m.tracker.SetValue(done)
}

func (m *meter) line(unit string, done, total int64) {
	now := m.now()
	if now.Sub(m.last) < meterLines {
		return
	}
	m.last = now
	text := fmt.Sprintf("%s: %s %s", m.current, count(done), unit)
	if total > 0 {
		text = fmt.Sprintf("%s: %s of %s %s (%s)", m.current, count(done), count(total), unit, percent(done, total))
	}
	_, _ = fmt.Fprintln(m.out, text+speed(unit, done, total, now.Sub(m.begun)))
}

// speed says how many units a second were done since a stage began, and how long the
// rest takes at that; in the first second nothing.
func speed(unit string, done, total int64, took time.Duration) string {
	if done == 0 || took < time.Second {
		return ""
	}
	rate := float64(done) / took.Seconds()
	text := fmt.Sprintf(", %s %s/s", short(rate), unit)
	if total > done {
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
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
