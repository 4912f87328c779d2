package main

import (
	"fmt"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// leaks says, one line each, what may be wrong with the rows that views show, what it
// means, and what to do.
func (t *training) leaks(r *offline.Result) string {
	var b strings.Builder
	any := false
	for i := range r.Views {
		v := &r.Views[i]
		told := func(rows int64, text string) {
			if rows > 0 {
				any = true
				fmt.Fprintf(&b, "note: %s as %s: %s (%s) %s\n", v.View, v.Alias, plural(int(rows), "row", "rows"), percent(rows, r.Rows), text)
			}
		}
		if t.rows.from == nil { // of a range, all are their views' own events
			told(v.SameTime, "with a source row of the same instant. If labels come from the same events this is a leak: delay: 1us excludes it.")
		}
		told(v.CreatedAfter, "with a source row that was created later. Unless it was known before, this is a leak: name the column as available_timestamp, too, or set a delay.")
		told(v.Ties, "where several source rows of one key and time tie with different values; the greatest are taken. A created timestamp settles which is right.")
	}
	if any && !t.audit {
		b.WriteString("--audit shows examples, and how many rows would change if source rows counted once they are created\n")
	}
	return b.String()
}

// auditedView is what --audit shows of a view.
type auditedView struct {
	View     string           `json:"view"`
	Alias    string           `json:"alias"`
	Examples []auditedExample `json:"examples"`
	// Changed is how many rows would change if only source rows that were created by
	// the row's time counted; nil: the source names no created timestamp.
	Changed *int64 `json:"changed"`
}

type auditedExample struct {
	Finding offline.Finding   `json:"finding"`
	Row     int64             `json:"row"` // of the spine, from 1
	Keys    map[string]string `json:"keys"`
	Time    feature.Time      `json:"time"`
	Event   feature.Time      `json:"event_timestamp"`
	Created *feature.Time     `json:"created_timestamp"`
	Values  map[string]any    `json:"values"`

	keys, values string // the same in one line
}

func audited(selection *feature.Selection, r *offline.Result) []auditedView {
	var all []auditedView
	for i := range r.Views {
		v, use := &r.Views[i], &selection.Uses[i]
		a := auditedView{View: v.View, Alias: v.Alias, Examples: []auditedExample{}}
		if v.Audit.Created {
			a.Changed = &v.Audit.Changed
		}
		for _, f := range offline.Findings() { // the engine has them part by part
			for _, e := range v.Audit.Examples {
				if e.Finding == f {
					a.Examples = append(a.Examples, auditedOne(selection, i, use, e))
				}
			}
		}
		all = append(all, a)
	}
	return all
}

func auditedOne(selection *feature.Selection, at int, use *feature.Use, e offline.Example) auditedExample {
	a := auditedExample{
		Finding: e.Finding, Row: e.Row + 1, Time: e.Time, Event: e.Event, Created: e.Created,
		Keys: map[string]string{}, Values: map[string]any{}, keys: strings.Join(e.Keys, ", "),
	}
	for k, key := range use.View.Keys {
		a.Keys[key.Name] = e.Keys[k]
	}
	var values []string
	for _, o := range selection.Outputs {
		if o.Use != at {
			continue
		}
		v := plain(e.Values[len(values)])
		a.Values[o.Name] = v
		if v == nil {
			v = "null"
		}
		values = append(values, fmt.Sprintf("%s %v", selection.Field(o).Name, v))
	}
	a.values = strings.Join(values, ", ")
	return a
}

// instant writes a time with all its digits, and with a place where the line can end.
func instant(t feature.Time) string { return strings.Replace(t.String(), "T", " ", 1) }

func (a *app) auditText(views []auditedView, rows int64) string {
	var b strings.Builder
	for _, v := range views {
		var lines [][]string
		for _, e := range v.Examples {
			created := "-"
			if e.Created != nil {
				created = instant(*e.Created)
			}
			lines = append(lines, []string{
				strings.ReplaceAll(string(e.Finding), "_", " "), count(e.Row), e.keys, instant(e.Time), instant(e.Event), created, e.values,
			})
		}
		fmt.Fprintf(&b, "\naudit of %s as %s: ", v.View, v.Alias)
		if len(lines) == 0 {
			b.WriteString("nothing found\n")
		} else {
			b.WriteString("examples\n" + a.table([]string{"FINDING", "ROW", "KEY", "TIME", "EVENT", "CREATED", "VALUES"}, lines, 1))
		}
		if v.Changed == nil {
			b.WriteString("its source names no created timestamp: what was written late can't be told\n")
			continue
		}
		fmt.Fprintf(&b, "%s (%s) would change if only source rows created by the row's time counted\n", plural(int(*v.Changed), "row", "rows"), percent(*v.Changed, rows))
	}
	return b.String()
}
