package window_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/window"
)

// What a part says that it takes is what the heap has more of.
func TestBytesAreWhatAPartTakes(t *testing.T) {
	number, text := feature.Scalar(feature.Float64), feature.Scalar(feature.String)
	for _, c := range []struct {
		feature.Function
		over feature.Type
	}{
		{feature.Variance, number},
		{feature.Max, text},
		{feature.Last, text},
		{feature.First, number},
		{feature.LastN, text},
		{feature.CountDistinct, number},
		{feature.Quantile, number},
		{feature.TopK, text},
	} {
		t.Run(fmt.Sprint(c.Function, " of ", c.over), func(t *testing.T) {
			spec := &window.Spec{
				Inputs: []window.Input{{Type: c.over}}, Rule: feature.Rule{Available: true},
				Windows: []feature.Window{{Length: 600, Granularity: 50}}, Outputs: []window.Output{{Function: c.Function, N: 20, Q: 0.5}},
			}
			requests := &window.Requests{Starts: []uint32{0}}
			const keys = 400
			for k := range keys {
				for at := range 10 {
					requests.Times = append(requests.Times, feature.Time(at*100+k%7))
				}
				requests.Starts = append(requests.Starts, uint32(len(requests.Times)))
			}
			r := rand.New(rand.NewPCG(7, 7))
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			p := spec.New(requests)
			for range 100 {
				v := &window.Values{Words: [][]int64{nil}, Texts: []window.Texts{{}}}
				var key []uint32
				var event, visible []feature.Time
				for range 4000 {
					e := feature.Time(r.IntN(1000))
					key, event, visible = append(key, uint32(r.IntN(keys))), append(event, e), append(visible, e+feature.Time(r.IntN(10)*r.IntN(30)))
					addRandom(r, c.over, v)
				}
				p.Add(key, event, visible, v)
			}
			told := p.Bytes()
			runtime.GC()
			runtime.ReadMemStats(&after)
			if took := int64(after.HeapAlloc) - int64(before.HeapAlloc); told < took*2/3 || told > took*3/2 {
				t.Errorf("it says %d KiB and takes %d", told>>10, took>>10)
			}
			runtime.KeepAlive(p)
		})
	}
}
