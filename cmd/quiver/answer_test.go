package main

import "testing"

func TestListsAreShownWithTheirNulls(t *testing.T) {
	c := answerFeature{Values: []any{nil, []any{31.0, nil, 5.5}, []any{"a b", "c"}, []any{}, 7.0}}
	for row, want := range []string{"-", "[31, null, 5.5]", "[a b, c]", "[]", "7"} {
		if got := c.text(row); got != want {
			t.Errorf("%v: %q, want %q", c.Values[row], got, want)
		}
	}
}
