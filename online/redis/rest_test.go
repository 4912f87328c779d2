package redis

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestAServerThatDidNotAnswerIsAskedOncePerRest(t *testing.T) {
	var r rest
	down := errors.New("connection refused")
	if !r.try(time.Now()) {
		t.Error("one that was never asked rests")
	}
	r.heard(t.Context(), time.Now(), down)
	now := time.Now()
	if r.try(now) {
		t.Error("one that did not answer is asked again at once")
	}
	now = now.Add(restTime)
	if !r.try(now) || r.try(now) || r.try(now.Add(restTime-1)) {
		t.Error("not one caller asks after the rest")
	}
	r.heard(t.Context(), now, nil)
	for range 2 {
		if !r.try(now) {
			t.Error("one that answers rests")
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if r.heard(ended, time.Now(), down); !r.try(now) {
		t.Error("a caller that was in a hurry makes a server rest")
	}
	if r.heard(ended, time.Now().Add(-patience), down); r.try(time.Now()) {
		t.Error("a server that hangs is asked again at once")
	}
}
