package main

import (
	"strings"
	"testing"
)

func TestEveryCommandTellsWhatItDoesWithAnExample(t *testing.T) {
	root := (&app{}).root()
	for _, c := range root.Commands() {
		t.Run(c.Name(), func(t *testing.T) {
			if c.Short == "" || strings.HasSuffix(c.Short, ".") {
				t.Errorf("short: %q", c.Short)
			}
			if !strings.HasPrefix(c.Example, "  quiver ") {
				t.Errorf("example: %q", c.Example)
			}
			help := must(t, c.Name(), "--help")
			for _, part := range []string{"Usage:\n  quiver " + c.Name(), "Examples:\n  quiver "} {
				if !strings.Contains(help, part) {
					t.Errorf("no %q in\n%s", part, help)
				}
			}
			for i, line := range strings.Split(c.Long+"\n"+c.Example, "\n") {
				if len([]rune(line)) > 100 {
					t.Errorf("line %d is wider than a terminal: %s", i+1, line)
				}
			}
		})
	}
}

// The commands of the examples parse: their flags exist.
func TestTheExamplesOfTheHelpParse(t *testing.T) {
	for _, c := range (&app{}).root().Commands() {
		for line := range strings.SplitSeq(c.Example, "\n") {
			line, _, _ = strings.Cut(line, " #")
			for command := range strings.SplitSeq(line, "&&") {
				words := strings.Fields(command)
				if len(words) == 0 || words[0] != "quiver" {
					continue
				}
				root := (&app{}).root()
				found, rest, err := root.Find(words[1:])
				if err == nil {
					err = found.ParseFlags(rest)
				}
				if err != nil {
					t.Errorf("%s: %v", command, err)
				}
			}
		}
	}
}
