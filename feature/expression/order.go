package expression

import "slices"

// Order gives the order in which named expressions can be computed, each after
// those that it reads: reads(i) lists the names that expression i uses, and names
// that are not among names count for nothing. Where dependencies leave a choice, the
// order is that of names.
//
// If some of them need one another there is no order, and cycle names them along
// the way, the first again as the last: a, b, a.
func Order(names []string, reads func(i int) []string) (order []int, cycle []string) {
	o := ordering{index: make(map[string]int, len(names)), names: names, reads: reads, marks: make([]mark, len(names))}
	for i, name := range names {
		o.index[name] = i
	}
	for i := range names {
		if cycle := o.visit(i); cycle != nil {
			return nil, cycle
		}
	}
	return o.order, nil
}

type mark uint8

const (
	unseen mark = iota
	open        // on the path
	done
)

type ordering struct {
	names []string
	index map[string]int
	reads func(i int) []string
	marks []mark
	path  []string
	order []int
}

func (o *ordering) visit(i int) (cycle []string) {
	switch o.marks[i] {
	case done:
		return nil
	case open:
		from := slices.Index(o.path, o.names[i])
		return append(slices.Clone(o.path[from:]), o.names[i])
	}
	o.marks[i] = open
	o.path = append(o.path, o.names[i])
	for _, name := range o.reads(i) {
		if j, ok := o.index[name]; ok {
			if cycle := o.visit(j); cycle != nil {
				return cycle
			}
		}
	}
	o.path = o.path[:len(o.path)-1]
	o.marks[i] = done
	o.order = append(o.order, i)
	return nil
}
