package main

import (
	"encoding/base64"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// answer is what came back, whichever way it was asked for.
type answer struct {
	Service  string          `json:"service,omitzero"`
	Revision int64           `json:"revision"`
	Time     feature.Time    `json:"time"`
	Rows     int             `json:"rows"`
	Features []answerFeature `json:"features"`
}

type answerFeature struct {
	Name     string          `json:"name"`
	Type     string          `json:"type"`
	Values   []any           `json:"values"`
	Statuses []string        `json:"statuses"`
	Events   []*feature.Time `json:"event_timestamps"`
}

// plain makes a value fit for JSON: times as text, NaN and infinities as text,
// bytes as base64.
func plain(v any) any {
	switch v := v.(type) {
	case float64:
		return plainFloat(v, 64)
	case float32:
		return plainFloat(float64(v), 32)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case feature.Time:
		return v.String()
	case feature.CalendarDay:
		return v.String()
	case []byte:
		return base64.StdEncoding.EncodeToString(v)
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = plain(v[i])
		}
		return items
	}
	return v
}

func plainFloat(v float64, bits int) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return feature.FloatText(v, bits)
	}
	if bits == 32 {
		return float32(v)
	}
	return v
}

// printAnswer shows an entity a column, or, where these are many or the terminal is
// narrow, an entity a line.
func (a *app) printAnswer(got *answer, f getFlags, keys map[string]*feature.Column) error {
	var names []string
	for _, text := range f.keys { // in the order in which they were given
		name, _, _ := strings.Cut(text, "=")
		names = append(names, name)
	}
	entity := func(row int) string {
		var parts []string
		for _, n := range names {
			parts = append(parts, keys[n].Text(row))
		}
		return strings.Join(parts, ", ")
	}
	header, rows := byFeature(got, entity)
	if _, fits := fitted(header, rows, a.env.width); got.Rows > 4 || !fits {
		header, rows = byEntity(got, strings.Join(names, ", "), entity)
	}
	if err := a.printTable(header, rows); err != nil {
		return err
	}
	what := got.Service
	if what == "" {
		what = plural(len(got.Features), "feature", "features")
	}
	return a.printText(fmt.Sprintf("\n%s as of %s, revision %d\n", what, got.Time, got.Revision))
}

// byFeature has a line per feature, and three columns per entity.
func byFeature(got *answer, entity func(row int) string) (header []string, rows [][]string) {
	header = []string{"FEATURE"}
	for row := range got.Rows {
		header = append(header, entity(row), "STATUS", "AGE")
	}
	for _, c := range got.Features {
		line := []string{c.Name}
		for row := range got.Rows {
			line = append(line, c.text(row), c.Statuses[row], c.age(row, got.Time))
		}
		rows = append(rows, line)
	}
	return header, rows
}

// byEntity has a line per entity, and a column per feature: its value, and the
// status where that is not PRESENT.
func byEntity(got *answer, keys string, entity func(row int) string) (header []string, rows [][]string) {
	header = []string{keys}
	for _, c := range got.Features {
		header = append(header, c.Name)
	}
	for row := range got.Rows {
		line := []string{entity(row)}
		for _, c := range got.Features {
			text := c.text(row)
			if c.Statuses[row] != feature.StatusPresent.String() {
				text = strings.TrimSpace(text + " " + c.Statuses[row])
			}
			line = append(line, text)
		}
		rows = append(rows, line)
	}
	return header, rows
}

func (c *answerFeature) text(row int) string {
	if c.Values[row] == nil {
		return "-"
	}
	return cellText(c.Values[row])
}

// cellText writes a value as Column.Text does: lists in brackets, their nulls as null.
func cellText(v any) string {
	items, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if texts[i] = "null"; item != nil {
			texts[i] = cellText(item)
		}
	}
	return "[" + strings.Join(texts, ", ") + "]"
}

// age is how long before the request the value's event was.
func (c *answerFeature) age(row int, now feature.Time) string {
	if c.Events[row] == nil {
		return "-"
	}
	return rough(now.Sub(*c.Events[row]))
}
