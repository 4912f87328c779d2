package expression_test

import (
	"os"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// tables gives the rows of the documentation's tables, cell by cell, each with the
// header of its table.
func tables(t *testing.T) (rows []tableRow) {
	t.Helper()
	text, err := os.ReadFile("../../docs/expressions.md")
	if err != nil {
		t.Fatal(err)
	}
	var header []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			header = nil
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(line, "|"), " | ") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		switch {
		case header == nil:
			header = cells
		case !strings.HasPrefix(cells[0], "---"):
			if len(cells) != len(header) {
				t.Fatalf("%q has %d cells, want %d", line, len(cells), len(header))
			}
			rows = append(rows, tableRow{header, cells})
		}
	}
	return rows
}

type tableRow struct{ header, cells []string }

// cell gives what stands under a heading, the last of that name, without quotes.
func (r tableRow) cell(heading string) string {
	for i := len(r.header) - 1; i >= 0; i-- {
		if r.header[i] == heading {
			return strings.Trim(r.cells[i], "`")
		}
	}
	return ""
}

// documented is the row of values that the documentation's examples are of.
func documented(t *testing.T) row {
	t.Helper()
	r := row{}
	for _, tr := range tables(t) {
		if tr.header[0] != "name" {
			continue
		}
		v := value{typ: tr.cell("type")}
		text, typ := tr.cell("value"), typeOf(t, v.typ)
		switch {
		case text == "null":
		case typ.List:
			var items []any
			for item := range strings.SplitSeq(strings.Trim(text, "[]"), ", ") {
				items = append(items, boxed(t, typ.Elem(), item))
			}
			v.v = items
		default:
			v.v = boxed(t, typ, text)
		}
		r[tr.cell("name")] = v
	}
	if len(r) < 10 {
		t.Fatalf("%d variables are documented", len(r))
	}
	return r
}

func boxed(t *testing.T, typ feature.Type, text string) any {
	t.Helper()
	c := feature.NewColumn(typ, 1)
	if err := c.AppendText(text); err != nil {
		t.Fatal(err)
	}
	return c.Any(0)
}

func TestTheExamplesOfTheDocumentationGiveWhatTheySay(t *testing.T) {
	r, examples := documented(t), 0
	for _, tr := range tables(t) {
		text, want := tr.cell("example"), tr.cell("gives")
		if text == "" {
			continue
		}
		examples++
		typ, got, _ := strings.Cut(evaluate(t, text, r), " ")
		if strings.Contains(typ, "float") { // documents write whole floats as floats
			want = strings.NewReplacer(".0,", ",", ".0]", "]").Replace(strings.TrimSuffix(want, ".0"))
		}
		if got != want {
			t.Errorf("%s gives %s %s, the documentation says %s", text, typ, got, want)
		}
	}
	if examples < 60 {
		t.Errorf("only %d examples were found", examples)
	}
}

func TestEveryFunctionIsDocumented(t *testing.T) {
	var all strings.Builder
	for _, tr := range tables(t) {
		if tr.header[0] == "function" {
			all.WriteString(tr.cells[0])
		}
	}
	functions := expression.Functions()
	for _, f := range functions {
		if !strings.Contains(all.String(), "`"+f.Name+"(") {
			t.Errorf("%s is not in the table of docs/expressions.md", f.Name)
		}
		if f.Doc == "" || len(f.Signatures) == 0 {
			t.Errorf("%s has no documentation in its table", f.Name)
		}
	}
	if len(functions) < 60 {
		t.Errorf("only %d functions", len(functions))
	}
}
