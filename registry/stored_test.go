package registry_test

import (
	"strings"
	"testing"

	"github.com/quiver-features/quiver/registry"
)

// keeping plans a view that is kept online with another aggregate.
func keeping(t *testing.T, feature string) (*registry.Plan, error) {
	t.Helper()
	text := strings.Replace(kept, "  - {name: hours}\n", "  - {name: hours}\n  - {name: many, "+feature+"}\n", 1)
	return registry.NewPlan(t.Context(), load(t, &memory{}), defined(t, strings.Replace(text, "hide: [", "hide: [many, ", 1)), flights())
}

func TestAViewThatWouldKeepTooMuchOnlineIsRefused(t *testing.T) {
	for feature, want := range map[string]string{
		// 90 d of hours, the head's and one to spare: 2,162 tiles of 4,096 registers of 6 bits; usually of a hundred hashes of 8 bytes.
		"aggregate: count_distinct, column: destination, window: 90d, granularity: 1h": "take up to 6.3 MiB online, usually 1.7 MiB, and at most 1 MiB is allowed " +
			"(most of it is for windows of up to 90d in steps of 1h, 2162 tiles: leave the granularity out, which is 1d then, or take a shorter window)",
		// 30 d of hours: 722 tiles.
		"aggregate: count_distinct, column: destination, window: 30d, granularity: 1h": "take up to 2.1 MiB online, usually 567 KiB, and at most 1 MiB is allowed " +
			"(most of it is for windows of up to 30d in steps of 1h, 722 tiles: leave the granularity out, which is 1d then, or take a shorter window)",
		// 24 h in steps of 1 h and 30 d in days are 58 tiles; of 1 h in minutes 62, so that three windows are 120 of 40 texts of 256 bytes;
		// in steps of 5 m 72.
		"aggregate: top_k, n: 10, column: destination, window: 1h}\n  - {name: b, aggregate: top_k, n: 10, column: destination, window: 24h}\n" +
			"  - {name: c, aggregate: top_k, n: 10, column: destination, window: 30d": "take up to 1.2 MiB online, usually 85 KiB, and at most 1 MiB is allowed " +
			"(most of it is for windows of up to 1h in steps of 1m, 62 tiles: take a coarser granularity, of which 5m is enough, or a shorter window; count_distinct, quantile and top_k take the most)",
		// 3,600,000,002 tiles of a count.
		"aggregate: count, window: 1h, granularity: 1us": "take up to 1 GiB or more online, usually 1 GiB or more, and at most 1 MiB is allowed " +
			"(most of it is for windows of up to 1h in steps of 1us, 3600000002 tiles: leave the granularity out, which is 30s then, or take a shorter window)",
		"aggregate: sum, column: delay, window: 30d, granularity: 1us": "take up to 1 GiB or more online, usually 1 GiB or more, and at most 1 MiB is allowed " +
			"(most of it is for windows of up to 30d in steps of 1us, more than 4 billion tiles: leave the granularity out, which is 6h then, or take a shorter window)",
		// 43,202 tiles of a count of up to 7 bytes and a sum of up to 19, each with a byte for where it is.
		"aggregate: sum, column: delay, window: 30d, granularity: 1m": "take up to 1.1 MiB online",
	} {
		_, err := keeping(t, feature)
		if err == nil || !strings.Contains(err.Error(), "a.yaml:16:9: view last: the aggregates of a key with events in all tiles "+want) {
			t.Errorf("%s: got %v\nwant %s", feature, err, want)
		}
	}
}

func TestAViewThatMayKeepMuchOnlineIsWarnedOf(t *testing.T) {
	plan, err := keeping(t, "aggregate: count_distinct, column: destination, window: 7d, granularity: 6h")
	if err != nil {
		t.Fatal(err)
	}
	// 7 d of quarters, the head's and one to spare: 30 tiles of 4,096 registers of 6 bits (90 KiB); usually of a hundred hashes of 8 bytes.
	const want = "view last: the aggregates of a key take up to 90 KiB online, usually 24 KiB, and each request reads all of it"
	if w := plan.Warnings; len(w) != 1 || w[0].Message != want || w[0].Line != 16 ||
		w[0].Hint != "most of it is for windows of up to 7d in steps of 6h, 30 tiles: take a coarser granularity, of which 12h is enough, or a shorter window; count_distinct, quantile and top_k take the most" {
		t.Errorf("got %+v, want one warning: %s", w, want)
	}
	if s := plan.Stored; len(s) != 1 || s[0].View != "last" || s[0].Worst>>10 != 90 || s[0].Usual>>10 != 23 {
		t.Errorf("got %+v", s)
	}
}

func TestADefaultThatCantBeIsToldOnceOnlineToo(t *testing.T) {
	_, err := keeping(t, "aggregate: sum, column: delay, window: 7d, default: x")
	const want = `feature many of view last: default: "x" is no int64: expected a whole number of 64 bits`
	if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestTopKOverAllTimeIsRefusedOnline(t *testing.T) {
	_, err := keeping(t, "aggregate: top_k, n: 3, column: destination, window: all")
	const want = "a.yaml:16:9: view last: feature many: top_k over all time can't be kept online, as there is no end to the values that have to be counted: " +
		"give it a window such as 90d (or leave online out)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}
