package serving_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// Requests share plans, and memory one after the other: what one reads, merges and computes
// is not seen by another, and an answer stays as it is when others are made.
func TestRequestsAtOnceGetTheirOwnAnswers(t *testing.T) {
	const customers, requests, rounds = 40, 8, 30
	v, s := windowed(t)
	m := newMemory()
	m.marks[1] = feature.Watermark{Known: true, Time: now, Run: 1, Since: 1}
	for i := range int64(customers) {
		m.materialize(t, s, i, now, event{now.Add(-30 * feature.Minute), float64(i)}, event{now.Add(-2 * feature.Hour), float64(2 * i)})
	}
	sel := selection("s@1", feature.Use{View: v, Alias: "spend", Keys: []string{"customer"}, Active: s})
	sel.Inputs = []feature.Input{{Name: "note", Type: feature.Scalar(feature.String)}}
	sel.Derived = []feature.Field{{Name: "label", Type: feature.Scalar(feature.String), Expression: "note + '/' + string(int(spend.sum_1d))"}}
	sel.Outputs = append(sel.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: 0, Name: "label"})
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{"s": sel}}, m, options())

	type asked struct {
		who      int
		response *serving.Response
		from, n  int64
	}
	answers := make(chan asked, requests*rounds)
	var all sync.WaitGroup
	for who := range requests {
		all.Go(func() {
			for round := range rounds {
				a := asked{who: who, from: int64((who*7 + round) % customers), n: int64(1 + (who+round)%13)}
				ids, notes := feature.NewColumn(feature.Scalar(feature.Int64), 0), feature.NewColumn(feature.Scalar(feature.String), 0)
				for row := range a.n {
					ids.AppendInt64((a.from + row) % customers)
					notes.AppendString(fmt.Sprintf("n%d%d", who, row))
				}
				var err error
				a.response, err = h.Get(t.Context(), &serving.Request{
					Service: "s", Keys: map[string]*feature.Column{"customer": ids}, Inputs: map[string]*feature.Column{"note": notes},
				})
				if err != nil {
					t.Error(err)
					return
				}
				answers <- a
			}
		})
	}
	all.Wait()
	close(answers)
	for a := range answers {
		want := map[string][]string{}
		add := func(name, format string, args ...any) { want[name] = append(want[name], fmt.Sprintf(format, args...)) }
		for row := range a.n {
			i := (a.from + row) % customers
			add("spend__amount", "%d/PRESENT", i)
			add("spend__count_1d", "2/PRESENT")
			add("spend__ever", "2/PRESENT")
			add("spend__last_2", "[%d, %d]/PRESENT", i, 2*i)
			add("spend__max_1d", "%d/PRESENT", 2*i)
			add("spend__sum_1d", "%d/PRESENT", 3*i)
			share := "0.3333333333333333"
			if i == 0 {
				share = "NaN"
			}
			add("spend__share", "%s/PRESENT", share)
			add("spend__mean", "%v/PRESENT", 1.5*float64(i))
			add("label", "n%d%d/%d/PRESENT", a.who, row, 3*i)
		}
		for i := range a.response.Features {
			f := &a.response.Features[i]
			if diff := cmp.Diff(want[f.Name], show(f)); diff != "" {
				t.Fatalf("request %d from %d: %s: -want +got:\n%s", a.who, a.from, f.Name, diff)
			}
		}
	}
}
