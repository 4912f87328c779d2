package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// carets writes problems for a person at a terminal: each with the line of the
// file that it is about, and a caret under the column.
type carets struct {
	folder string              // that the problems' files are relative to
	colour bool                // the terminal shows colours
	width  int                 // of the terminal, in columns; 0: not known
	lines  map[string][]string // of files that were read
}

// How much of a line is shown, in columns of the terminal: no more than can be
// taken in, and no less than says anything, where a terminal is that narrow.
const (
	widestExcerpt    = 96
	narrowestExcerpt = 12
)

// excerpt is how much of a line fits beside its number: what stands around it are
// two spaces, " | ", and the marks of what was cut on both sides.
func (c *carets) excerpt(number string) int {
	if c.width == 0 {
		return widestExcerpt
	}
	return max(narrowestExcerpt, min(widestExcerpt, c.width-len(number)-len("  "+" | ")-2))
}

// text writes the problems, a block of lines for each.
func (c *carets) text(ps registry.Problems) string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(c.paint("1", readable(registry.Problems{p}.Error())))
		line, ok := c.line(p.Position)
		if !ok {
			continue
		}
		number := strconv.Itoa(p.Line)
		shown, before := window(line, p.Column, c.excerpt(number))
		margin := strings.Repeat(" ", len(number))
		fmt.Fprintf(&b, "\n  %s | %s\n  %s | %s%s", number, shown, margin, strings.Repeat(" ", before), c.paint("1;31", "^"))
	}
	return b.String()
}

// paint sets a text in a style of the terminal (SGR).
func (c *carets) paint(style, s string) string {
	if !c.colour {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

// line gives a line of a definition file without what may be secret in it.
func (c *carets) line(at registry.Position) (string, bool) {
	if at.File == "" || at.Line < 1 {
		return "", false
	}
	lines, seen := c.lines[at.File]
	if !seen {
		path := filepath.FromSlash(at.File)
		if !filepath.IsAbs(path) {
			path = filepath.Join(c.folder, path)
		}
		lines = readLines(path)
		if c.lines == nil {
			c.lines = map[string][]string{}
		}
		c.lines[at.File] = lines
	}
	if at.Line > len(lines) {
		return "", false
	}
	line := lines[at.Line-1]
	if filepath.Base(at.File) == definition.ProjectFile {
		return withoutSecrets(line), true
	}
	if strings.Contains(line, "://") {
		line = definition.Mask(line)
	}
	return line, true
}

// readLines gives the lines of a file of a size that definitions may have, or
// none: what it is for has been told already.
func readLines(path string) []string {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	all, err := io.ReadAll(bufio.NewReader(io.LimitReader(f, definition.MaxFile)))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimPrefix(string(all), "\uFEFF"), "\n")
}

// withoutSecrets ends a line of the project file where a password could begin: at
// the host of a URL, at the value of a store that is no file, and before whatever
// else an @ ends.
func withoutSecrets(line string) string {
	end := len(line)
	cut := func(at int) { end = min(end, at) }
	if i := strings.Index(line, "://"); i >= 0 {
		cut(i + len("://"))
	} else if strings.Contains(line, "@") {
		cut(strings.IndexByte(line, ':') + 1)
	}
	for _, at := range regexp.MustCompile(`(registry|online)["']?[ \t]*:[ \t]*["']?`).FindAllStringIndex(line, -1) {
		if value := line[at[1]:]; !strings.HasPrefix(value, "sqlite:") && !strings.Contains(value, "://") {
			cut(at[1])
		}
	}
	if end == len(line) {
		return line
	}
	return line[:end] + "…"
}

// window gives the part of a line around a column, counted in characters from 1,
// that takes limit columns of the terminal and two for marks of what was cut, and
// the columns before the character.
func window(line string, column, limit int) (shown string, before int) {
	var left, right []string // the characters before the column, and from it on
	at := 0
	for i, r := range strings.TrimRight(line, "\r") {
		at++
		switch c := cell(r, line[i:]); {
		case at < column-limit || at > column+limit:
		case at < column:
			left = append(left, c)
		default:
			right = append(right, c)
		}
	}
	lead, rest := "", ""
	if column-1 > limit {
		lead = "…"
	}
	if at > column+limit {
		rest = "…"
	}
	for width(left) > limit*2/3 { // so that what begins there is seen
		left, lead = left[1:], "…"
	}
	for width(left)+width(right) > limit {
		right, rest = right[:len(right)-1], "…"
	}
	return lead + strings.Join(left, "") + strings.Join(right, "") + rest, width(left) + utf8.RuneCountInString(lead)
}

func width(cells []string) (sum int) {
	for _, c := range cells {
		sum += text.StringWidthWithoutEscSequences(c)
	}
	return sum
}

// cell is a character as a terminal can show it.
func cell(r rune, rest string) string {
	switch {
	case r == '\t':
		return "    "
	case r < ' ':
		return string('\u2400' + r) // the picture of the control character
	case r == 0x7f:
		return "\u2421"
	case r == utf8.RuneError && !strings.HasPrefix(rest, "\uFFFD"), unicode.Is(unicode.C, r), r == '\u2028', r == '\u2029':
		return "\uFFFD"
	}
	return string(r)
}
