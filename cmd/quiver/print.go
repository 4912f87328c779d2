package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/mattn/go-isatty"
	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
)

// print writes a result: as JSON or YAML for machines, or by the function for
// people.
func (a *app) print(value any, people func() error) error {
	switch a.format {
	case "json":
		encoder := json.NewEncoder(a.env.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	case "yaml":
		document, err := json.Marshal(value)
		if err != nil {
			return err
		}
		var plain any
		if err := yaml.Unmarshal(document, &plain); err != nil {
			return err
		}
		document, err = yaml.Marshal(plain)
		if err != nil {
			return err
		}
		_, err = a.env.out.Write(document)
		return err
	default:
		return people()
	}
}

// widest is the width of a column from which on its texts go over several lines.
const widest = 96

// printTable writes rows in aligned columns; those named by right hold numbers.
func (a *app) printTable(header []string, rows [][]string, right ...int) error {
	w := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true, SeparateColumns: false, DrawBorder: false}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = 0
	w.SetStyle(style)
	w.AppendHeader(cells(header))
	for _, r := range rows {
		w.AppendRow(cells(r))
	}
	config := make([]table.ColumnConfig, len(header))
	for i := range config {
		config[i] = table.ColumnConfig{Number: i + 1, WidthMax: widest, WidthMaxEnforcer: text.WrapSoft}
		if slices.Contains(right, i) {
			config[i].Align, config[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	w.SetColumnConfigs(config)
	return a.printText(trimLines(w.Render()) + "\n")
}

func cells(values []string) table.Row {
	row := make(table.Row, len(values))
	for i, v := range values {
		row[i] = printable(v)
	}
	return row
}

// printable keeps control characters of data, and marks that turn the direction of
// writing, away from the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) || r == '\u2028' || r == '\u2029' {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func trimLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return strings.Join(lines, "\n")
}

func (a *app) printText(s string) error {
	_, err := io.WriteString(a.env.out, s)
	return err
}

// terminal tells whether a stream is one: only there are colours and bars.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// count writes a number with separators: 3,000,000.
func count[N int | int64](n N) string {
	if n < 0 {
		return "-" + count(-n)
	}
	s := fmt.Sprint(n)
	start := len(s) % 3
	var parts []string
	if start > 0 {
		parts = append(parts, s[:start])
	}
	for i := start; i < len(s); i += 3 {
		parts = append(parts, s[i:i+3])
	}
	return strings.Join(parts, ",")
}

// percent writes a share: 93.4 %.
func percent(part, whole int64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// tookText writes how long work took: 12ms, 3.4s, 2m5s.
func tookText(d time.Duration) string {
	switch {
	case d < time.Second:
		return max(d, time.Millisecond).Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// rough writes a span to the second.
func rough(d feature.Duration) string { return (d / feature.Second * feature.Second).String() }
