package offline

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
)

// contest is a place whose latest rows are in full tie.
type contest struct {
	board *board
	place uint32
	// While a feature is compared: 1 + the index of its greatest value so far in the
	// ring, and how often that was outdone.
	best   uint32
	epoch  uint32
	left   uint32 // contenders that are still in
	differ bool   // the tied rows have different values
}

// contender is a row in a contest, by its position.
type contender struct {
	row     int64
	contest uint32
	epoch   uint32 // of the contest when it was seen to be as great as the best; out: it lost
}

const out = ^uint32(0)

// contendersAtOnce bounds how many values of a column are held while ties are
// settled.
const contendersAtOnce = 1 << 16

// Contenders are sorted in up to rangesMost ranges of about rowsSortedAtOnce rows.
const (
	rowsSortedAtOnce = 1 << 12
	rangesMost       = 1 << 10
)

// settle decides the full ties of the places that want names, by the values of
// the view's features in the order of their names. Rows that agree in everything
// are settled by position, so that what is said to have won is the same for any
// number of workers. Only the values of the best rows so far, of one feature, are
// held.
func (t *table) settle(ctx context.Context, boards []*board, wanted func(board int, place uint32) bool, workers int) error {
	contests, contenders, err := gatherContests(ctx, boards, wanted, workers)
	if err != nil {
		return err
	}
	for _, f := range t.featuresByName() {
		if len(contenders) == 0 {
			break
		}
		r := &ring{table: t, field: &t.view.Features[f], contests: contests}
		if err := r.compare(ctx, contenders, workers); err != nil {
			return err
		}
		contenders = decide(contests, contenders)
	}
	for _, c := range contenders { // ascending by row: the first of equals
		if k := &contests[c.contest]; k.left > 0 {
			k.board.settle(k.place, c.row+1, k.differ)
			k.left = 0
		}
	}
	return nil
}

// gatherContests lists the places in tie, and their rows in ascending order.
func gatherContests(ctx context.Context, boards []*board, wanted func(board int, place uint32) bool, workers int) ([]contest, []contender, error) {
	rows := make([][]contender, len(boards)) // of each board, their contests counted from its first
	of := make([][]contest, len(boards))
	err := each(ctx, len(boards), workers, func(_ context.Context, n int) error {
		of[n], rows[n] = boards[n].contests(func(place uint32) bool { return wanted(n, place) })
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	contests := slices.Concat(of...)
	contenders, err := inOrder(ctx, rows, of, workers)
	return contests, contenders, err
}

// contests lists a board's places in tie that are wanted, and their rows.
func (b *board) contests(wanted func(place uint32) bool) ([]contest, []contender) {
	if b.live == 0 {
		return nil, nil
	}
	contests := make([]contest, 0, b.live)            // at least one row each, beside the first
	contenders := make([]contender, 0, b.live+b.live) // where all are wanted: live and the firsts
	for place, head := range b.heads {
		if head == 0 || !wanted(uint32(place)) {
			continue
		}
		at := uint32(len(contests))
		left := uint32(1)
		contenders = append(contenders, contender{row: b.best[place].row - 1, contest: at})
		for ; head != 0; head = b.ties[head-1].next {
			contenders = append(contenders, contender{row: b.ties[head-1].row - 1, contest: at})
			left++
		}
		contests = append(contests, contest{board: b, place: uint32(place), left: left, differ: b.wasSettled(uint32(place))})
	}
	return contests, contenders
}

// inOrder puts the contenders of all boards in the order of their rows: by ranges of
// rows, each of which is sorted by itself.
func inOrder(ctx context.Context, rows [][]contender, of [][]contest, workers int) ([]contender, error) {
	n, most := 0, int64(0)
	for _, board := range rows {
		n += len(board)
		for _, c := range board {
			most = max(most, c.row)
		}
	}
	ranges := min(n/rowsSortedAtOnce, rangesMost) + 1
	width := most/int64(ranges) + 1
	starts := make([]int, ranges+1)
	for _, board := range rows {
		for _, c := range board {
			starts[c.row/width+1]++
		}
	}
	for i := range ranges {
		starts[i+1] += starts[i]
	}
	sorted, next, first := make([]contender, n), slices.Clone(starts), uint32(0)
	for b, board := range rows {
		for _, c := range board {
			c.contest += first
			r := c.row / width
			sorted[next[r]] = c
			next[r]++
		}
		first += uint32(len(of[b]))
	}
	return sorted, each(ctx, ranges, workers, func(_ context.Context, i int) error {
		slices.SortFunc(sorted[starts[i]:starts[i+1]], func(a, b contender) int { return cmp.Compare(a.row, b.row) })
		return nil
	})
}

// decide drops those who lost, settles the contests that one contender is left in,
// and gives the rest.
func decide(contests []contest, contenders []contender) []contender {
	stays := func(c contender) bool { return c.epoch == contests[c.contest].epoch }
	for i := range contests {
		contests[i].left = 0
	}
	for _, c := range contenders {
		if stays(c) {
			contests[c.contest].left++
		}
	}
	rest := contenders[:0]
	for _, c := range contenders {
		k := &contests[c.contest]
		switch {
		case !stays(c):
		case k.left == 1:
			k.board.settle(k.place, c.row+1, k.differ)
		default:
			rest = append(rest, c)
		}
	}
	for i := range contests {
		contests[i].epoch, contests[i].best = 0, 0
	}
	return rest
}

// ring compares one feature of all contenders, as their values come in.
type ring struct {
	table    *table
	field    *feature.Field
	contests []contest

	mu     sync.Mutex
	values *feature.Column // the best so far, and some that were outdone
	spare  *feature.Column
	inUse  int
}

func (r *ring) compare(ctx context.Context, contenders []contender, workers int) error {
	r.values = feature.NewColumn(r.field.Type, 0)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for from := 0; from < len(contenders); {
		group := r.table.locate(contenders[from].row)
		end := r.table.groups[group].base + int64(r.table.groups[group].rows)
		to := from + 1
		for to < len(contenders) && contenders[to].row < end && to-from < contendersAtOnce {
			to++
		}
		part := contenders[from:to]
		g.Go(func() error { return r.part(ctx, group, part) })
		from = to
	}
	return g.Wait()
}

// part reads the values of contenders of one row group and compares them.
func (r *ring) part(ctx context.Context, group int, contenders []contender) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at := &r.table.groups[group]
	rows := make([]int32, len(contenders))
	for i, c := range contenders {
		rows[i] = int32(c.row - at.base)
	}
	values := feature.NewColumn(r.field.Type, len(rows))
	if err := r.table.gather(ctx, group, r.field.Column, rows, values); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range contenders {
		r.challenge(&contenders[i], values, i)
	}
	return nil
}

func (r *ring) challenge(c *contender, values *feature.Column, i int) {
	k := &r.contests[c.contest]
	if k.best != 0 {
		switch order := feature.Compare(values, i, r.values, int(k.best-1)); {
		case order == 0:
			c.epoch = k.epoch
			return
		case order < 0:
			k.differ = true
			c.epoch = out
			return
		}
		k.differ = true
		k.epoch++
	} else {
		r.inUse++
	}
	c.epoch = k.epoch
	if r.values.Len() > 2*r.inUse+1024 {
		r.tidy()
	}
	r.values.AppendFrom(values, i)
	k.best = uint32(r.values.Len())
}

// tidy drops the values that were outdone.
func (r *ring) tidy() {
	if r.spare == nil {
		r.spare = feature.NewColumn(r.field.Type, r.inUse)
	}
	r.spare.Reset()
	for i := range r.contests {
		if k := &r.contests[i]; k.best != 0 {
			r.spare.AppendFrom(r.values, int(k.best-1))
			k.best = uint32(r.spare.Len())
		}
	}
	r.values, r.spare = r.spare, r.values
}
