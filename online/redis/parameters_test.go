package redis

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// The table of docs/redis.md has the parameters that a URL can have, and no others.
func TestThePageHasEveryParameter(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| parameter | says | where it is left out |\n| --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	var told []string
	for line := range strings.Lines(table) {
		for name := range strings.SplitSeq(strings.Split(line, "|")[1], ",") {
			told = append(told, strings.Trim(name, " `"))
		}
	}
	there := map[string]bool{}
	for _, k := range []kind{single, cluster, sentinel} {
		a := &address{kind: k, secure: true}
		for name := range a.parameters() {
			there[name] = true
		}
	}
	slices.Sort(told)
	if want := slices.Sorted(maps.Keys(there)); !slices.Equal(told, want) {
		t.Errorf("docs/redis.md has %q, a URL can have %q", told, want)
	}
}
