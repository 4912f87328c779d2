package offlinetest

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
)

// The third opinion: the same cases answered by SQL. Oracle, engines and SQL are
// three readings of the rule, by three ways of computing.

func TestSQLAnswersEveryScript(t *testing.T) {
	rows, err := Scripts()
	if err != nil {
		t.Fatal(err)
	}
	windows, err := WindowScripts()
	if err != nil {
		t.Fatal(err)
	}
	cases := slices.Concat(rows, windows)
	for i, got := range askSQL(t, cases) {
		c := cases[i]
		t.Run(c.Name, func(t *testing.T) {
			if d := diff(c, got, c.Want, sameValue); d != "" {
				t.Errorf("%s.script\n%s\nSQL says:\n%s", c.Name, describe(c), d)
			}
		})
	}
}

func TestSQLAndTheOracleAgreeOnRandomCases(t *testing.T) {
	cases := make([]*Case, 150)
	for i := range cases {
		cases[i] = oneNaN(Generate(uint64(1_000_000 + i)))
		if i%2 == 1 {
			cases[i] = oneNaN(GenerateWindows(uint64(1_000_000 + i)))
		}
	}
	for i, got := range askSQL(t, cases) {
		want, err := Oracle{}.Join(t.Context(), cases[i])
		if err != nil {
			t.Fatal(err)
		}
		if d := diff(cases[i], got, want, sameValue); d != "" {
			t.Fatalf("SQL says:\n%s\n%s", d, script(t.Context(), cases[i]))
		}
	}
}

// oneNaN gives a case with the same NaN everywhere. All NaN are equal in SQL, so
// their bits do not settle a tie there.
func oneNaN(c *Case) *Case {
	out := arrange(c, asWritten, whole)
	for _, s := range out.Sources {
		for _, column := range s.header() {
			for values := column.Values; values != nil; values = values.Items {
				for i, v := range values.Float32s {
					if v != v { // this is what NaN means
						values.Float32s[i] = float32(math.NaN())
					}
				}
				for i, v := range values.Float64s {
					if math.IsNaN(v) {
						values.Float64s[i] = math.NaN()
					}
				}
			}
		}
	}
	return out
}

// askSQL answers cases in one process.
func askSQL(t *testing.T, cases []*Case) [][]*feature.Column {
	t.Helper()
	dir := t.TempDir()
	asked, answered := filepath.Join(dir, "cases.json"), filepath.Join(dir, "answers.json")
	forms := make([]sqlCase, len(cases))
	for i, c := range cases {
		forms[i] = sqlForm(c)
	}
	text, err := json.Marshal(forms)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(asked, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), testenv.Python(t), "sql/answer.py", asked, answered)
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s\n(`make deps` installs DuckDB into .tools/venv)", err, out)
	}
	if text, err = os.ReadFile(answered); err != nil {
		t.Fatal(err)
	}
	var answers [][][][]any // case, use, output of the use, spine row
	if err := json.Unmarshal(text, &answers); err != nil {
		t.Fatal(err)
	}
	out := make([][]*feature.Column, len(cases))
	for i, c := range cases {
		out[i] = fromSQL(t, c, answers[i])
	}
	return out
}

// sqlCase is a case as the script in sql/ reads it. Cells are null, true, false,
// decimal text (integers, days, micro- or nanoseconds), hexadecimal floats, and
// hexadecimal bytes of texts.
type sqlCase struct {
	Name    string              `json:"name"`
	Sources map[string]sqlTable `json:"sources"`
	Uses    []sqlUse            `json:"uses"`
	Spine   sqlTable            `json:"spine"`
	Time    string              `json:"time"`
}

type sqlTable struct {
	Columns []sqlColumn `json:"columns"`
	Rows    [][]any     `json:"rows"`
}

type sqlColumn struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Nanos bool   `json:"nanos"`
}

type sqlUse struct {
	Source    string       `json:"source"`
	Event     string       `json:"event"`
	Created   string       `json:"created"`
	Available string       `json:"available"`
	TTL       string       `json:"ttl"`
	Delay     string       `json:"delay"`
	Keys      []sqlKey     `json:"keys"`
	Features  []sqlFeature `json:"features"`
	Outputs   []int        `json:"outputs"`
}

type sqlKey struct {
	Column string `json:"column"`
	Type   string `json:"type"`
	Spine  string `json:"spine"`
}

type sqlFeature struct {
	Name      string        `json:"name"`
	Column    string        `json:"column"`
	Type      string        `json:"type"`
	Aggregate *sqlAggregate `json:"aggregate"`
}

type sqlAggregate struct {
	Function    string `json:"function"`
	Input       string `json:"input"` // type of the column
	Where       string `json:"where"`
	Length      string `json:"length"`
	Granularity string `json:"granularity"`
	N           int    `json:"n"`
	Q           string `json:"q"`
	Default     any    `json:"default"`
}

func sqlForm(c *Case) sqlCase {
	form := sqlCase{Name: c.Name, Sources: map[string]sqlTable{}, Spine: tableForm(c.Spine), Time: c.Spine[c.Time].Name}
	for _, s := range c.Sources {
		table := tableForm(s.header())
		table.Rows = nil
		for _, f := range s.Files {
			table.Rows = append(table.Rows, tableForm(f.Columns).Rows...)
		}
		form.Sources[s.Name] = table
	}
	for i, u := range c.Selection.Uses {
		table := &u.View.Table
		use := sqlUse{
			Source: table.Source, Event: table.Event, Created: table.Created, Available: table.Available,
			TTL: strconv.FormatInt(int64(u.View.Rule.TTL), 10), Delay: strconv.FormatInt(int64(u.View.Rule.Delay), 10),
			Keys: []sqlKey{}, Outputs: []int{}, // the script loops over them, and JSON's null is no list
		}
		for k, key := range u.View.Keys {
			use.Keys = append(use.Keys, sqlKey{Column: u.View.KeyColumns[k], Type: key.Type.String(), Spine: u.Keys[k]})
		}
		for _, f := range u.View.Features {
			form := sqlFeature{Name: f.Name, Column: f.Column, Type: f.Type.String()}
			if f.Aggregate != nil {
				form.Column, form.Aggregate = f.Aggregate.Column, aggregateForm(&f)
			}
			use.Features = append(use.Features, form)
		}
		for _, o := range c.Selection.Outputs {
			if o.Use == i {
				use.Outputs = append(use.Outputs, o.Feature)
			}
		}
		form.Uses = append(form.Uses, use)
	}
	return form
}

func aggregateForm(f *feature.Field) *sqlAggregate {
	a := f.Aggregate
	form := &sqlAggregate{
		Function: string(a.Function), Input: a.Input.String(), Where: a.Where, N: a.N, Q: strconv.FormatFloat(a.Q, 'f', -1, 64),
		Length: strconv.FormatInt(int64(a.Window.Length), 10), Granularity: strconv.FormatInt(int64(a.Window.Granularity), 10),
	}
	if a.Default != nil {
		one := feature.NewColumn(f.Type, 1)
		if err := one.AppendText(*a.Default); err != nil {
			panic(err) // a case's own default
		}
		form.Default = cellForm(one.Any(0))
	}
	return form
}

func tableForm(columns []Column) sqlTable {
	table := sqlTable{Columns: make([]sqlColumn, len(columns))}
	for i, c := range columns {
		table.Columns[i] = sqlColumn{Name: c.Name, Type: c.Values.Type.String(), Nanos: c.Nanos}
	}
	for row := range columns[0].Values.Len() {
		cells := make([]any, len(columns))
		for i, c := range columns {
			cells[i] = cellForm(c.Values.Any(row))
		}
		table.Rows = append(table.Rows, cells)
	}
	return table
}

func cellForm(v any) any {
	switch v := v.(type) {
	case nil, bool:
		return v
	case float32:
		return floatForm(float64(v))
	case float64:
		return floatForm(v)
	case string:
		return hex.EncodeToString([]byte(v))
	case []byte:
		return hex.EncodeToString(v)
	case feature.CalendarDay:
		return strconv.Itoa(int(v))
	case feature.Time:
		return strconv.FormatInt(int64(v), 10)
	case []any:
		items := make([]any, len(v))
		for i, x := range v {
			items[i] = cellForm(x)
		}
		return items
	default:
		return fmt.Sprint(v)
	}
}

func floatForm(v float64) string {
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return strings.TrimPrefix(strings.ToLower(fmt.Sprint(v)), "+")
	}
	return strconv.FormatFloat(v, 'x', -1, 64)
}

// fromSQL reads the answers to one case.
func fromSQL(t *testing.T, c *Case, answers [][][]any) []*feature.Column {
	t.Helper()
	next := make([]int, len(c.Selection.Uses))
	out := make([]*feature.Column, len(c.Selection.Outputs))
	for i, o := range c.Selection.Outputs {
		out[i] = feature.NewColumn(c.outputType(i), c.Rows())
		for _, cell := range answers[o.Use][next[o.Use]] {
			v, err := readForm(c.outputType(i), cell)
			if err == nil {
				err = out[i].AppendAny(v)
			}
			if err != nil {
				t.Fatalf("case %s, output %s: %v", c.Name, o.Name, err)
			}
		}
		next[o.Use]++
	}
	return out
}

func readForm(t feature.Type, cell any) (any, error) {
	if items, ok := cell.([]any); ok && t.List {
		out := make([]any, len(items))
		for i, item := range items {
			var err error
			if out[i], err = readForm(t.Elem(), item); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	text, ok := cell.(string)
	if !ok {
		return cell, nil // null, or a bool
	}
	switch t.Kind {
	case feature.Float32:
		v, err := strconv.ParseFloat(text, 32)
		return float32(v), err
	case feature.Float64:
		return strconv.ParseFloat(text, 64)
	case feature.String:
		b, err := hex.DecodeString(text)
		return string(b), err
	case feature.Bytes:
		return hex.DecodeString(text)
	case feature.Timestamp:
		v, err := strconv.ParseInt(text, 10, 64)
		return feature.Time(v), err
	case feature.Date:
		v, err := strconv.ParseInt(text, 10, 32)
		return feature.CalendarDay(v), err // ParseInt keeps it in range
	default:
		return strconv.ParseInt(text, 10, 64)
	}
}
