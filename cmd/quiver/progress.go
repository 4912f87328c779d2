package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// meter shows how far long work is: a bar on a terminal, a line every few
// seconds elsewhere.
type meter struct {
	out      io.Writer
	bars     progress.Writer // nil: not a terminal
	rendered sync.WaitGroup

	mu      sync.Mutex
	current string
	tracker *progress.Tracker
	last    time.Time
}

const meterLines = 5 * time.Second

// newMeter starts a meter; stop ends it.
func newMeter(out io.Writer) *meter {
	m := &meter{out: out, last: time.Now()}
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

// set tells how far the named stage is. A total of 0 means that it is unknown.
// It may be called from several goroutines.
func (m *meter) set(stage string, done, total int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.bars == nil {
		m.line(stage, done, total)
		return
	}
	if m.tracker == nil || stage != m.current {
		m.finish()
		m.current = stage
		m.tracker = &progress.Tracker{Message: stage, Total: total, Units: progress.UnitsDefault}
		m.bars.AppendTracker(m.tracker)
	}
	if total > 0 {
		m.tracker.UpdateTotal(total)
	}
	m.tracker.SetValue(done)
}

func (m *meter) line(stage string, done, total int64) {
	if time.Since(m.last) < meterLines {
		return
	}
	m.last = time.Now()
	if total > 0 {
		_, _ = fmt.Fprintf(m.out, "%s: %s of %s (%s)\n", stage, count(done), count(total), percent(done, total))
		return
	}
	_, _ = fmt.Fprintf(m.out, "%s: %s\n", stage, count(done))
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
