package window_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
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

// Where there is no room for texts and lists they are left out and counted; values of a fixed width all come.
func TestValuesForWhichThereIsNoRoomAreLeftOut(t *testing.T) {
	const n = 50
	text, number := feature.Scalar(feature.String), feature.Scalar(feature.Int64)
	spec := &window.Spec{
		Inputs: []window.Input{{Type: text}, {Type: number}}, Windows: []feature.Window{{Length: 600, Granularity: 50}},
		Outputs: []window.Output{{Function: feature.LastN, N: 3}, {Function: feature.Last, Input: 1}, {Function: feature.Max}},
	}
	requests := &window.Requests{Starts: []uint32{0, n}}
	var key []uint32
	var event []feature.Time
	v := &window.Values{Words: [][]int64{nil, nil}, Texts: []window.Texts{{}, {}}}
	for i := range n {
		at := feature.Time(100 * (i + 1))
		requests.Times = append(requests.Times, at)
		key, event = append(key, 0), append(event, at)
		v.Words[1] = append(v.Words[1], int64(i))
		from := uint32(len(v.Texts[0].Data))
		v.Texts[0].Data = fmt.Appendf(v.Texts[0].Data, "%0100d", i)
		v.Texts[0].Ends = append(v.Texts[0].Ends, window.Ends{From: from, To: from + 100})
	}
	for _, room := range []int64{math.MaxInt64, 2000, 0} {
		p := spec.New(requests)
		p.Add(key, event, nil, v)
		dst := []*feature.Column{feature.NullColumn(feature.ListOf(feature.String, 0), n), feature.NullColumn(number, n), feature.NullColumn(text, n)}
		var left atomic.Int64
		left.Store(room)
		told := p.Results(dst, 0, &left)
		nulls := 0
		for i := range n {
			if dst[1].IsNull(i) || dst[1].Int64s[i] != int64(i) {
				t.Fatalf("room %d: the latest number of request %d is %v", room, i, dst[1].Any(i))
			}
			for _, own := range []*feature.Column{told.Own[0], told.Own[2]} {
				if own.IsNull(i) {
					nulls++
				}
			}
		}
		if nulls != told.LeftOut || (room == math.MaxInt64) != (nulls == 0) || room == 0 && nulls != 2*n-1 {
			t.Errorf("room %d: %d of %d are left out, and %d told", room, nulls, 2*n, told.LeftOut)
		}
	}
}
