package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/quiver-features/quiver/bench/measure"
)

// section is a contest's part of the report, in Markdown that reads as well in a terminal.
func section(c contest, results map[string]result) string {
	lines := slices.SortedFunc(maps.Values(results), func(a, b result) int { return cmp.Compare(a.order, b.order) })
	var text strings.Builder
	fmt.Fprintf(&text, "\n**%s.** %s.\n\n", c.name, c.what)
	rows := [][]string{{"", "wall s", "CPU s", "peak MiB", "read MiB", "wall / Quiver", "CPU / Quiver", "result"}}
	for _, r := range lines {
		rows = append(rows, line(r, lines[0].cost))
	}
	text.WriteString(grid(rows))
	return text.String()
}

func line(r result, first measure.Cost) []string {
	return []string{
		r.name,
		fmt.Sprintf("%.2f", r.cost.Wall.Seconds()), fmt.Sprintf("%.2f", r.cost.CPU.Seconds()), mib(r.cost.Peak), mib(r.cost.Read),
		fmt.Sprintf("%.2f", r.cost.Wall.Seconds()/first.Wall.Seconds()), fmt.Sprintf("%.2f", r.cost.CPU.Seconds()/first.CPU.Seconds()),
		r.output,
	}
}

// grid is a Markdown table with its columns aligned: the first and the last to the left, figures to the right.
func grid(rows [][]string) string {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)), 4)
		}
	}
	var text strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i == 0 || i == len(row)-1 {
				text.WriteString("| " + cell + pad + " ")
			} else {
				text.WriteString("| " + pad + cell + " ")
			}
		}
		text.WriteString("|\n")
		if n == 0 {
			text.WriteString(rule(width))
		}
	}
	return text.String()
}

func rule(width []int) string {
	var text strings.Builder
	for i, w := range width {
		if i == 0 || i == len(width)-1 {
			text.WriteString("| " + strings.Repeat("-", w) + " ")
		} else {
			text.WriteString("| " + strings.Repeat("-", w-1) + ": ")
		}
	}
	return text.String() + "|\n"
}

// aimsTable tells which aims are met.
func aimsTable(aims []aim) string {
	if len(aims) == 0 {
		return ""
	}
	rows := [][]string{{"aim, at full size", "measured", "met"}}
	for _, a := range aims {
		met := "no"
		if a.met {
			met = "yes"
		}
		rows = append(rows, []string{a.text, a.got, met})
	}
	return "\n" + grid(rows)
}

func mib(n int64) string {
	switch {
	case n == 0:
		return "-"
	case n < 100<<20:
		return fmt.Sprintf("%.1f", float64(n)/(1<<20))
	}
	return strconv.FormatInt(n>>20, 10)
}

// number writes thousands apart.
func number(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
