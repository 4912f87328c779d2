package main

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/quiver-features/quiver/offline"
)

// screen is a terminal that goes up where it is told to, and grows at its end.
type screen struct {
	mu      sync.Mutex
	changed sync.Cond
	lines   []string
	at      int
}

func newScreen() *screen {
	s := &screen{lines: []string{""}}
	s.changed.L = &s.mu
	return s
}

var moves = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := string(p)
	for text != "" {
		move := moves.FindString(text)
		switch {
		case strings.HasPrefix(text, "\n"):
			move = "\n"
			if s.at++; s.at == len(s.lines) {
				s.lines = append(s.lines, "")
			}
		case move == "" || !strings.HasPrefix(text, move):
			move = text[:1]
			s.lines[s.at] += move
		case strings.HasSuffix(move, "A"):
			s.at = max(s.at-1, 0)
		case strings.HasSuffix(move, "K"):
			s.lines[s.at] = ""
		}
		text = text[len(move):]
	}
	s.changed.Broadcast()
	return len(p), nil
}

// waitFor waits until a line begins so, and gives it.
func (s *screen) waitFor(begin string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for _, line := range s.lines {
			if strings.HasPrefix(line, begin) {
				return line
			}
		}
		s.changed.Wait()
	}
}

// The stages of a training set in parts share a line of a terminal, one after the other.
func TestPartsShareABar(t *testing.T) {
	s := newScreen()
	m := newMeter(s)
	m.render(100)
	const parts = 3
	m.training(offline.Progress{Stage: offline.StageEvents, View: "v@1", Done: 5, Total: 5, Part: 1, Parts: 1})
	s.waitFor("events v@1")
	for part := 1; part <= parts; part++ {
		for _, stage := range []offline.Stage{offline.StageScan, offline.StageGather} {
			p := offline.Progress{Stage: stage, View: "v@1", Done: 300, Total: 400, Part: part, Parts: parts}
			m.training(p)
			line := s.waitFor(fmt.Sprintf("%s v@1, part %d of %d ", stage, part, parts))
			unit := map[offline.Stage]string{offline.StageScan: "rows", offline.StageGather: "values"}[stage]
			if !strings.Contains(line, " 75% ") || !strings.Contains(line, "[300 "+unit) {
				t.Errorf("the bar says %q: want 75 %%, 300 %s", line, unit)
			}
			p.Done = 400
			m.training(p)
		}
	}
	m.stop()
	var shown []string
	for _, line := range s.lines {
		if line != "" {
			shown = append(shown, line)
		}
	}
	if len(shown) != 2 || !strings.HasPrefix(shown[1], "gather v@1, part 3 of 3 ") || !strings.Contains(shown[1], "[400 values in ") {
		t.Errorf("%d lines are left, want those of the events and of the last part:\n%s", len(shown), strings.Join(shown, "\n"))
	}
}
