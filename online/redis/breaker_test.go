package redis

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAServerThatDidNotAnswerIsAskedOncePerBreak(t *testing.T) {
	var b breaker
	down := errors.New("connection refused")
	if !b.try(time.Now()) {
		t.Error("one that was never asked is left alone")
	}
	b.heard(t.Context(), time.Now(), down)
	now := time.Now()
	if b.try(now) {
		t.Error("one that did not answer is asked again at once")
	}
	now = now.Add(breakTime)
	if !b.try(now) || b.try(now) || b.try(now.Add(breakTime-1)) {
		t.Error("not one caller asks after the break")
	}
	b.heard(t.Context(), now, nil)
	for range 2 {
		if !b.try(now) {
			t.Error("one that answers is left alone")
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if b.heard(ended, time.Now(), down); !b.try(now) {
		t.Error("a caller that was in a hurry breaks with the server")
	}
	if b.heard(ended, time.Now().Add(-patience), down); b.try(time.Now()) {
		t.Error("a server that hangs is asked again at once")
	}
}
