package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/mattn/go-isatty"
	"go.yaml.in/yaml/v4"
	"golang.org/x/term"

	"github.com/quiver-features/quiver/feature"
)

// print writes a result: as JSON or YAML for machines, or by the function for
// people.
func (a *app) print(value any, people func() error) error {
	switch a.format {
	case "json":
		return a.printJSON(value)
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

func (a *app) printJSON(value any) error {
	encoder := json.NewEncoder(a.env.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false) // "ttl 7d -> 3d" stays readable
	return encoder.Encode(value)
}

// widest is the width of a column from which on its texts go over several lines,
// and gap the spaces between two columns.
const (
	widest = 96
	gap    = 2
)

func (a *app) printTable(header []string, rows [][]string, right ...int) error {
	return a.printText(a.table(header, rows, right...))
}

// table writes rows in aligned columns; those named by right hold numbers. On a
// terminal, texts go over several lines so that the table is as wide as that; a
// table of too many columns is written a row after the other.
func (a *app) table(header []string, rows [][]string, right ...int) string {
	widths, fits := fitted(header, rows, a.env.width)
	if !fits {
		return a.records(header, rows)
	}
	for i := len(header) - 1; i >= 0; i-- { // a column of width 0 is left out
		if widths[i] == 0 {
			header, rows, right = withoutColumn(header, rows, right, i)
			widths = slices.Delete(widths, i, i+1)
		}
	}
	w := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true, SeparateColumns: false, DrawBorder: false}
	if a.env.ascii {
		style.Box = table.StyleBoxDefault
	}
	style.Box.PaddingLeft, style.Box.PaddingRight = "", strings.Repeat(" ", gap)
	style.Format.Header = 0
	w.SetStyle(style)
	w.AppendHeader(cells(header))
	for _, r := range rows {
		w.AppendRow(cells(r))
	}
	config := make([]table.ColumnConfig, len(header))
	for i := range config {
		config[i] = table.ColumnConfig{Number: i + 1, WidthMax: widths[i], WidthMaxEnforcer: text.WrapSoft}
		if slices.Contains(right, i) {
			config[i].Align, config[i].AlignHeader = text.AlignRight, text.AlignRight
		}
	}
	w.SetColumnConfigs(config)
	return trimLines(w.Render()) + "\n"
}

// fitted gives each column's width such that a line has at most the given one (0:
// any): columns without a value go first (their width is 0 then), then the widest
// give way, and none is narrower than its longest word. It is false where that is
// not enough.
func fitted(header []string, rows [][]string, width int) (widths []int, fits bool) {
	widths = make([]int, len(header))
	words := make([]int, len(header))
	for _, row := range append([][]string{header}, rows...) {
		for i, cell := range row {
			widths[i] = min(max(widths[i], text.StringWidth(cell)), widest)
			for _, word := range strings.Fields(cell) {
				words[i] = min(max(words[i], text.StringWidth(word)), widest)
			}
		}
	}
	total := gap * len(widths) // the last column has its gap, too
	for _, w := range widths {
		total += w
	}
	if width == 0 || total <= width {
		return widths, true
	}
	for i := range widths {
		if !slices.ContainsFunc(rows, func(row []string) bool { return row[i] != "" }) {
			total -= widths[i] + gap
			widths[i], words[i] = 0, 0
		}
	}
	for ; total > width; total-- {
		widest := -1
		for i, w := range widths {
			if w > words[i] && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return nil, false
		}
		widths[widest]--
	}
	return widths, true
}

func withoutColumn(header []string, rows [][]string, right []int, i int) ([]string, [][]string, []int) {
	less := make([][]string, len(rows))
	for j, row := range rows {
		less[j] = slices.Delete(slices.Clone(row), i, i+1)
	}
	var moved []int
	for _, r := range right {
		if r != i {
			moved = append(moved, r-min(1, max(0, r-i)))
		}
	}
	return slices.Delete(slices.Clone(header), i, i+1), less, moved
}

// records writes each row as lines of a name and a value.
func (a *app) records(header []string, rows [][]string) string {
	var blocks []string
	for _, row := range rows {
		var pairs [][]string
		for i, cell := range row {
			if cell != "" {
				pairs = append(pairs, []string{header[i], cell})
			}
		}
		blocks = append(blocks, a.pairs(pairs))
	}
	return strings.Join(blocks, "\n")
}

// pairs aligns names and their values, over several lines where a terminal is
// narrower than the value.
func (a *app) pairs(lines [][]string) string {
	names := 0
	for _, l := range lines {
		names = max(names, text.StringWidth(l[0]))
	}
	var b strings.Builder
	for _, l := range lines {
		value := printable(l[1])
		if room := a.env.width - names - gap; a.env.width > 0 && room >= widest/4 {
			value = strings.ReplaceAll(text.WrapSoft(value, room), "\n", "\n"+strings.Repeat(" ", names+gap))
		}
		fmt.Fprintf(&b, "%s  %s\n", text.Pad(printable(l[0]), names, ' '), value)
	}
	return trimLines(b.String())
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

// terminalWidth gives the columns of a terminal, 0 where a stream is none.
func terminalWidth(f *os.File) int {
	if !terminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd())) //nolint:gosec // a descriptor is small
	if err != nil {
		return 0
	}
	return width
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
	return share(float64(part) / float64(whole))
}

// share writes a share in percent. What is not all is never written as all, and what
// is there never as nothing.
func share(rate float64) string {
	text := strconv.FormatFloat(100*rate, 'f', 1, 64)
	switch {
	case rate > 0 && text == "0.0":
		return "< 0.1 %"
	case rate < 1 && text == "100.0":
		return "> 99.9 %"
	}
	return text + " %"
}

// shareOf is share of a number of rows: of none it is nothing that can be told.
func shareOf(rows int64, rate float64) string {
	if rows == 0 {
		return "-"
	}
	return share(rate)
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

func versioned(name string, version int) string {
	if version == 0 {
		return name
	}
	return name + "@" + strconv.Itoa(version)
}

// shortTime writes a time to the second.
func shortTime(t feature.Time) string {
	if t == 0 || t == feature.MinTime {
		return "-"
	}
	return t.Std().Truncate(time.Second).Format("2006-01-02 15:04:05Z")
}
