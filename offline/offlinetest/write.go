package offlinetest

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quiver-features/quiver/feature"
)

// text writes value i of a column as a cell: what cells reads back.
func text(c *feature.Column, i int, nanos bool) string {
	if c.IsNull(i) {
		return "null"
	}
	return boxedText(c.Any(i), nanos)
}

func boxedText(v any, nanos bool) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case float32:
		if v != v { // this is what NaN means
			return nanText(uint64(math.Float32bits(v)), uint64(math.Float32bits(float32(math.NaN()))))
		}
		return floatText(float64(v), 32)
	case float64:
		if math.IsNaN(v) {
			return nanText(math.Float64bits(v), math.Float64bits(math.NaN()))
		}
		return floatText(v, 64)
	case string:
		if v != "null" && isBare(v) {
			return v
		}
		return strconv.QuoteToASCII(v)
	case []byte:
		return "x" + hex.EncodeToString(v)
	case feature.CalendarDay:
		if s := v.String(); len(s) == len(time.DateOnly) && s[0] != '-' {
			return s
		}
		return fmt.Sprintf("day:%d", int32(v))
	case feature.Time:
		return timeText(int64(v), nanos)
	case []any:
		items := make([]string, len(v))
		for i, x := range v {
			items[i] = boxedText(x, false)
		}
		return "[" + strings.Join(items, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

func isBare(s string) bool {
	for i, r := range s {
		letter := r == '_' && i > 0 || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != "" && utf8.ValidString(s)
}

func nanText(bits, usual uint64) string {
	if bits == usual {
		return "nan"
	}
	return "nan:" + strconv.FormatUint(bits, 16)
}

func floatText(v float64, bits int) string {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// timeText writes the time of day on the default day, else the whole time, and
// counts from the ends of the range where the calendar does not reach.
func timeText(n int64, nanos bool) string {
	unit, suffix := int64(1000), "us"
	if nanos {
		unit, suffix = 1, "ns"
	}
	const near = 1 << 40
	switch {
	case n == math.MinInt64:
		return "min"
	case n == math.MaxInt64:
		return "max"
	case n < math.MinInt64+near:
		return fmt.Sprintf("min+%d%s", n-math.MinInt64, suffix)
	case n > math.MaxInt64-near:
		return fmt.Sprintf("max-%d%s", math.MaxInt64-n, suffix)
	}
	perSecond := int64(time.Second) / unit
	at := time.Unix(n/perSecond, n%perSecond*unit).UTC()
	if y := at.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("epoch%+d%s", n, suffix)
	}
	if at.Format(time.DateOnly) == defaultDay {
		return at.Format("15:04:05.999999999")
	}
	return at.Format("2006-01-02T15:04:05.999999999Z")
}

// Format writes a case as a script that Parse reads back.
func Format(c *Case) string {
	var b strings.Builder
	for _, r := range c.Rule {
		fmt.Fprintf(&b, "rule %s\n", r)
	}
	for i := range c.Sources {
		b.WriteByte('\n')
		formatSource(&b, &c.Sources[i])
	}
	for _, v := range c.Views {
		b.WriteByte('\n')
		formatView(&b, v, c.Source(v.Table.Source))
	}
	for u := range c.Selection.Uses {
		b.WriteByte('\n')
		formatUse(&b, c.Selection, u)
	}
	formatService(&b, c.Selection)
	b.WriteByte('\n')
	formatJoin(&b, c)
	return b.String()
}

func formatSource(b *strings.Builder, s *Source) {
	fmt.Fprintf(b, "source %s\n", s.Name)
	table := [][]string{nil}
	for _, c := range s.Files[0].Columns {
		var roles []string
		for _, role := range []string{roleEvent, roleCreated, roleAvailable} {
			if *s.role(role) == c.Name {
				roles = append(roles, role)
			}
		}
		table[0] = append(table[0], headerText(c, roles...))
	}
	for i := range s.Files {
		f := &s.Files[i]
		table = append(table, []string{"file " + f.Name + ":"})
		row := 0
		for g, n := range f.Groups {
			if g > 0 {
				table = append(table, []string{"--"})
			}
			for range n {
				table = append(table, rowText(f.Columns, row))
				row++
			}
		}
	}
	writeTable(b, table)
}

func headerText(c Column, roles ...string) string {
	name := c.Name
	if !isBare(name) {
		name = strconv.Quote(name)
	}
	kind := c.Values.Type.String()
	if c.Nanos {
		kind = "timestamp_ns"
	}
	if len(roles) > 0 && kind == "timestamp" {
		return name + " " + strings.Join(roles, " ")
	}
	return strings.Join(append([]string{name, kind}, roles...), " ")
}

func rowText(columns []Column, row int) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = text(c.Values, row, c.Nanos)
	}
	return out
}

func formatView(b *strings.Builder, v *feature.ViewVersion, s *Source) {
	fmt.Fprintf(b, "view %s\n  source %s\n", v.Name, v.Table.Source)
	if v.Version != 1 {
		fmt.Fprintf(b, "  version %d\n", v.Version)
	}
	item := func(name string, t feature.Type, column string) string {
		return fmt.Sprintf("%s:%s = %s", name, t, strconv.Quote(column))
	}
	if len(v.Keys) == 0 {
		b.WriteString("  global\n")
	} else {
		keys := make([]string, len(v.Keys))
		for i, k := range v.Keys {
			keys[i] = item(k.Name, k.Type, v.KeyColumns[i])
		}
		fmt.Fprintf(b, "  keys %s\n", strings.Join(keys, ", "))
	}
	if v.Rule.TTL != 0 {
		fmt.Fprintf(b, "  ttl %s\n", v.Rule.TTL)
	}
	if v.Rule.Delay != 0 {
		fmt.Fprintf(b, "  delay %s\n", v.Rule.Delay)
	}
	formatExpressions(b, v, s)
	var features []string
	for _, f := range v.Features {
		switch {
		case f.IsDerived():
			fmt.Fprintf(b, "  expression %s:%s = %s\n", f.Name, f.Type, f.Expression)
		case f.Aggregate != nil:
			features = append(features, f.Name+" = "+aggregateText(f.Aggregate))
		default:
			features = append(features, item(f.Name, f.Type, f.Column))
		}
	}
	if len(features) > 0 {
		fmt.Fprintf(b, "  features %s\n", strings.Join(features, ", "))
	}
}

func formatUse(b *strings.Builder, s *feature.Selection, u int) {
	use := s.Uses[u]
	fmt.Fprintf(b, "use %s\n", use.View.ID())
	if use.Alias != use.View.Name {
		fmt.Fprintf(b, "  as %s\n", use.Alias)
	}
	var keys, only []string
	for i, k := range use.View.Keys {
		keys = append(keys, k.Name+" = "+strconv.Quote(use.Keys[i]))
	}
	if len(keys) > 0 {
		fmt.Fprintf(b, "  keys %s\n", strings.Join(keys, ", "))
	}
	for _, o := range s.Outputs {
		if o.Use == u {
			only = append(only, use.View.Features[o.Feature].Name+" as "+o.Name)
		}
	}
	fmt.Fprintf(b, "  only %s\n", strings.Join(only, ", "))
}

func formatJoin(b *strings.Builder, c *Case) {
	b.WriteString("join\n")
	head := make([]string, 0, len(c.Spine)+len(c.Selection.Outputs))
	for i, s := range c.Spine {
		if i == c.Time {
			head = append(head, headerText(s, roleEvent))
		} else {
			head = append(head, headerText(s))
		}
	}
	for i, o := range c.Selection.Outputs {
		head = append(head, sign(i)+o.Name)
	}
	table := [][]string{head}
	for row := range c.Rows() {
		line := rowText(c.Spine, row)
		for i := range c.Selection.Outputs {
			value := "?"
			if c.Want != nil {
				value = text(c.Want[i], row, false)
			}
			line = append(line, sign(i)+value)
		}
		table = append(table, line)
	}
	writeTable(b, table)
}

// sign stands before the first output; writeTable makes it the separator.
func sign(output int) string {
	if output == 0 {
		return "=> "
	}
	return ""
}

// writeTable aligns cells under one another. A line with one cell in a wider
// table stands as it is.
func writeTable(b *strings.Builder, table [][]string) {
	widths := make([]int, len(table[0]))
	for _, line := range table {
		for i, cell := range line {
			if len(line) == len(table[0]) {
				widths[i] = max(widths[i], utf8.RuneCountInString(cell))
			}
		}
	}
	for _, line := range table {
		b.WriteByte(' ')
		for i, cell := range line {
			if i > 0 && !strings.HasPrefix(cell, "=> ") {
				b.WriteString(" |")
			}
			b.WriteByte(' ')
			b.WriteString(cell)
			if i < len(line)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)))
			}
		}
		b.WriteByte('\n')
	}
}
