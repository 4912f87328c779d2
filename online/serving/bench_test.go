package serving_test

import (
	"fmt"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// wide is a service of 50 float64 over 5 views of one key, beside unused services
// of a view each, and a store with rows for entities 0 to rows.
func wide(b testing.TB, rows, unused int) (*catalog, *memory) {
	b.Helper()
	m := newMemory()
	var uses []feature.Use
	for i := range 5 {
		var fields []feature.Field
		for j := range 10 {
			fields = append(fields, field(fmt.Sprintf("f%d", j), feature.Float64))
		}
		v, s := view(fmt.Sprintf("view%d", i), uint64(i+1), []feature.JoinKey{key("user", feature.Int64)}, feature.Rule{TTL: feature.Day}, fields...)
		m.marks[s.ID] = fresh
		values := make([]any, 10)
		for j := range values {
			values[j] = float64(j)
		}
		for row := range rows {
			m.put(b, s, now, []any{int64(row)}, values)
		}
		uses = append(uses, feature.Use{View: v, Alias: v.Name, Keys: []string{"user"}, Active: s})
	}
	c := &catalog{services: map[string]*feature.Selection{"model": selection("model@1", uses...)}}
	for i := range unused {
		v, s := view(fmt.Sprintf("unused%d", i), uint64(100+i), nil, feature.Rule{}, field("x", feature.Int64))
		c.services[v.Name] = selection(v.Name+"@1", feature.Use{View: v, Alias: v.Name, Active: s})
	}
	return c, m
}

func users(n int) *feature.Column {
	c := feature.NewColumn(feature.Scalar(feature.Int64), n)
	for i := range n {
		c.AppendInt64(int64(i))
	}
	return c
}

// BenchmarkGet is the handler alone: 50 features over 5 views, a store in memory.
func BenchmarkGet(b *testing.B) {
	for _, rows := range []int{1, 100} {
		for _, unused := range []int{0, 5000} {
			b.Run(fmt.Sprintf("rows=%d/unused=%d", rows, unused), func(b *testing.B) {
				c, m := wide(b, rows, unused)
				h := newHandler(b, c, m, options())
				request := &serving.Request{Service: "model", Keys: map[string]*feature.Column{"user": users(rows)}}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := h.Get(b.Context(), request); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkGRPC is a whole call, client included, over a connection in memory.
func BenchmarkGRPC(b *testing.B) {
	for _, rows := range []int{1, 100} {
		for _, matrix := range []quiverv1.Matrix{quiverv1.Matrix_MATRIX_UNSPECIFIED, quiverv1.Matrix_MATRIX_FLOAT64} {
			b.Run(fmt.Sprintf("rows=%d/%s", rows, matrix), func(b *testing.B) {
				c, m := wide(b, rows, 0)
				client := dial(b, newHandler(b, c, m, options()), rpc.Options{})
				request := &quiverv1.GetOnlineFeaturesRequest{Service: "model", Matrix: matrix, Keys: map[string]*quiverv1.Values{"user": {Int64S: users(rows).Int64s}}}
				b.ReportAllocs()
				for b.Loop() {
					if _, err := client.GetOnlineFeatures(b.Context(), request); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func TestAllocationsOfARequestDoNotGrowWithTheRegistryOrTheRows(t *testing.T) {
	count := func(rows, unused int) float64 {
		c, m := wide(t, 100, unused)
		h := newHandler(t, c, m, options())
		request := &serving.Request{Service: "model", Keys: map[string]*feature.Column{"user": users(rows)}}
		return testing.AllocsPerRun(50, func() { get(t, h, request) })
	}
	// 13 each. The race detector has pools forget some of what is put back, up to
	// dozens; what grew with the rows or with the services would be a hundred.
	one, many, beside := count(1, 0), count(100, 0), count(1, 200)
	if one > 25 || many > one+50 || beside > one+50 {
		t.Errorf("allocations: %v for a row, %v for 100 rows, %v beside 200 unused services", one, many, beside)
	}
}
