package dataset

import "slices"

// Layout is an order of the rows in their files.
type Layout string

// The layouts. Late is the order of time but for rows that come up to six hours late.
const (
	ByTime    Layout = "time"
	ByKey     Layout = "key"
	Random    Layout = "random"
	Backwards Layout = "backwards"
	Late      Layout = "late"
)

// order gives, per place, the number of the row that stands there.
func (l Layout) order(s Size) []uint32 {
	order := make([]uint32, s.Rows)
	for i := range order {
		order[i] = uint32(i) //nolint:gosec // sizes are below 2^32
	}
	switch l {
	case ByKey:
		sortBy(order, func(row int) int { return int(s.key(row)) })
	case Late:
		quarter := s.Rows / int(Span/Day) / 4
		sortBy(order, func(row int) int { return row + int(below(row, columnLate, int64(max(quarter, 1)))) })
	case Random:
		for i := len(order) - 1; i > 0; i-- {
			j := below(i, columnShuffle, int64(i+1))
			order[i], order[j] = order[j], order[i]
		}
	case Backwards:
		slices.Reverse(order)
	case ByTime:
	}
	return order
}

// sortBy sorts by a number below 2^32, then by row.
func sortBy(order []uint32, by func(row int) int) {
	packed := make([]uint64, len(order))
	for i, row := range order {
		packed[i] = uint64(by(int(row)))<<32 | uint64(row) //nolint:gosec // keys and rows are below 2^32
	}
	slices.Sort(packed)
	for i, p := range packed {
		order[i] = uint32(p) //nolint:gosec // the lower half is the row
	}
}
