package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commands gives every command, those below others included.
func commands(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{}
	for _, child := range c.Commands() {
		all = append(append(all, child), commands(child)...)
	}
	return all
}

func TestEveryCommandTellsWhatItDoesWithAnExample(t *testing.T) {
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	for _, c := range commands(root) {
		t.Run(c.Name(), func(t *testing.T) {
			if c.Short == "" || strings.HasSuffix(c.Short, ".") || len(c.Short) > 86 {
				t.Errorf("short: %q", c.Short)
			}
			if c.Parent() == root && !root.ContainsGroup(c.GroupID) || c.Parent() == root && c.GroupID == "" {
				t.Errorf("group: %q", c.GroupID)
			}
			if !strings.HasPrefix(c.Example, "  quiver ") {
				t.Errorf("example: %q", c.Example)
			}
			words := strings.Fields(c.CommandPath())[1:]
			help := must(t, append(words, "--help")...)
			for _, part := range []string{"Usage:\n  " + c.CommandPath(), "Examples:\n  quiver "} {
				if !strings.Contains(help, part) {
					t.Errorf("no %q in\n%s", part, help)
				}
			}
			for line := range strings.Lines(help) {
				if len([]rune(line)) > 101 {
					t.Errorf("wider than a terminal: %s", line)
				}
			}
			if asked := must(t, append([]string{"help"}, words...)...); asked != help {
				t.Errorf("quiver help %s shows\n%s\nand --help\n%s", c.Name(), asked, help)
			}
		})
	}
}

// The commands of the examples parse: their flags exist.
func TestTheExamplesOfTheHelpParse(t *testing.T) {
	root := (&app{}).root()
	for _, c := range append(commands(root), root) {
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
				if err == nil && found == root && len(rest) > 0 {
					t.Errorf("%s: no such command", command)
				}
				if err != nil {
					t.Errorf("%s: %v", command, err)
				}
			}
		}
	}
}

// A flag's own name stands for its value, or a word that the usage puts in backquotes.
func TestFlagsSayWhatTheyAre(t *testing.T) {
	root := (&app{}).root()
	for _, c := range append(commands(root), root) {
		for line := range strings.Lines(c.LocalFlags().FlagUsages()) {
			if words := strings.Fields(line); slices.Contains(words, "stringArray") || slices.Contains(words, "strings") {
				t.Errorf("%s: the value is called after its type in Go: %s", c.CommandPath(), line)
			}
		}
	}
}

// What is misspelled is answered with what was meant.
func TestMisspelledCommandsAndFlagsAreTold(t *testing.T) {
	for _, c := range []struct{ line, meant string }{
		{"statsu", "status"},
		{"materialise", "materialize"},
		{"help trian", "train"},
		{"completion bsh", "bash"},
		{"status --outptu json", "--output"},
		{"status -o jsn", "json"},
		{"train --spnie x", "--spine"},
		{"list veiws", "views"},
	} {
		got := do(t.Context(), strings.Fields(c.line)...)
		if want := `did you mean "` + c.meant + `"?`; got.code != exitUsage || !strings.Contains(got.err, want) {
			t.Errorf("quiver %s: exit %d, %s", c.line, got.code, got.err)
		}
	}
}
