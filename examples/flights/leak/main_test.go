package main

import "testing"

func TestPairsOfEqualValuesCountHalf(t *testing.T) {
	of := func(v float64) *float64 { return &v }
	rows := []row{
		{Late: true, HonestMean: of(3)}, {Late: true, HonestMean: of(1)}, {Late: true}, // null is 0
		{HonestMean: of(1)}, {HonestMean: of(-5)},
	}
	// 3 is greater than both others, 1 than one and equal to one, 0 greater than one: 2 + 1.5 + 1 of 6.
	if got := auc(rows, func(r *row) *float64 { return r.HonestMean }); got != 0.75 {
		t.Errorf("got %v, want 0.75", got)
	}
}
