package feature

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNearestNameIsWhatWasMeant(t *testing.T) {
	known := []string{"window", "where", "online", "max_staleness", "keys", "as", "event_timestamp"}
	for _, c := range []struct{ name, want string }{
		{"windw", "window"},
		{"widnow", "window"},
		{"Online", "online"},
		{"max-staleness", "max_staleness"},
		{"event_timstamp", "event_timestamp"},
		{"key", "keys"},
		{"sa", "as"},
		{"schedule", ""},
		{"", ""},
		{"wxyzw", ""},
	} {
		if got := Nearest(c.name, slices.Values(known)); got != c.want {
			t.Errorf("nearest to %q is %q, want %q", c.name, got, c.want)
		}
	}
}

// recursive is the distance as its definition says, for short texts.
func recursive(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	cost := 1
	if a[len(a)-1] == b[len(b)-1] {
		cost = 0
	}
	d := min(recursive(a[:len(a)-1], b)+1, recursive(a, b[:len(b)-1])+1, recursive(a[:len(a)-1], b[:len(b)-1])+cost)
	if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
		d = min(d, recursive(a[:len(a)-2], b[:len(b)-2])+1)
	}
	return d
}

func TestDistanceIsThatOfTheDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		b := make([]byte, random.IntN(7))
		for i := range b {
			b[i] = byte('a' + random.IntN(3))
		}
		return string(b)
	}
	var rows [3][]int
	for range 2000 {
		a, b := text(), text()
		if got, want := edits(a, b, &rows), recursive(a, b); got != want {
			t.Fatalf("edits(%q, %q) is %d, want %d", a, b, got, want)
		}
	}
}
