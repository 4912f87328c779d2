package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// columnTold names a derived column of a source by its expression; one that stands in a
// feature has no other name.
func columnTold(f feature.ColumnFailures) string {
	if strings.HasPrefix(f.Column, "=") {
		return f.Expression
	}
	return f.Column + " (" + f.Expression + ")"
}

// failures says, one line each, what could not be computed in a training set.
func failures(m *offline.Manifest) string {
	var b strings.Builder
	told := map[string]bool{} // a view that is used twice fails once
	for _, v := range m.Views {
		if told[v.View] {
			continue
		}
		told[v.View] = true
		for _, f := range v.Failed {
			fmt.Fprintf(&b, "note: %s: %s could not be computed for %s of source %s, and is null there\n",
				v.View, columnTold(f), plural(int(f.Rows), "row", "rows"), v.Source)
		}
	}
	for _, f := range m.Features {
		if rows := int64(math.Round(f.ErrorRate * float64(m.Rows))); rows > 0 {
			fmt.Fprintf(&b, "note: %s (%s) could not be computed for %s (%s), and is null there\n",
				f.Name, f.Reference, plural(int(rows), "row", "rows"), percent(rows, m.Rows))
		}
	}
	return b.String()
}
