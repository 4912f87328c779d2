package eventspine

import (
	"bufio"
	"bytes"
	"container/heap"
	"context"
	"errors"
	"io"
	"os"
)

// run is a sorted run on its way through a merge.
type run struct {
	now  []byte
	next func() ([]byte, error) // io.EOF at the end
}

func fileRun(f *os.File) (*run, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, diskError(err)
	}
	r := bufio.NewReaderSize(f, 1<<16)
	var row []byte
	return &run{next: func() (_ []byte, err error) {
		row, err = readRow(r, row)
		if err != nil && !errors.Is(err, io.EOF) {
			err = diskError(err)
		}
		return row, err
	}}, nil
}

// memoryRun is what a sorter has in memory.
func memoryRun(s *sorter) *run {
	s.settle()
	at := 0
	return &run{next: func() ([]byte, error) {
		if at == len(s.rows) {
			return nil, io.EOF
		}
		at++
		return s.row(s.rows[at-1]), nil
	}}
}

// runs implements heap.Interface.
type runs []*run

func (r runs) Len() int           { return len(r) }
func (r runs) Less(a, b int) bool { return bytes.Compare(r[a].now, r[b].now) < 0 }
func (r runs) Swap(a, b int)      { r[a], r[b] = r[b], r[a] }

// Push implements heap.Interface.
func (r *runs) Push(v any) { *r = append(*r, v.(*run)) } //nolint:forcetypeassert,errcheck // by heap only

// Pop implements heap.Interface.
func (r *runs) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}

// merge calls each with the distinct rows of all sorters, in their order. A row is
// valid during the call.
func merge(ctx context.Context, sorters []*sorter, each func(row []byte) error) error {
	var all runs
	for _, s := range sorters {
		for _, f := range s.runs {
			r, err := fileRun(f)
			if err != nil {
				return err
			}
			all = append(all, r)
		}
		all = append(all, memoryRun(s))
	}
	var open runs
	for _, r := range all {
		switch row, err := r.next(); {
		case errors.Is(err, io.EOF):
		case err != nil:
			return err
		default:
			r.now = row
			open = append(open, r)
		}
	}
	heap.Init(&open)
	var last []byte
	for n := 0; len(open) > 0; n++ {
		if n%65536 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		least := open[0]
		if n == 0 || !bytes.Equal(last, least.now) {
			last = append(last[:0], least.now...)
			if err := each(last); err != nil {
				return err
			}
		}
		switch row, err := least.next(); {
		case errors.Is(err, io.EOF):
			heap.Pop(&open)
		case err != nil:
			return err
		default:
			least.now = row
			heap.Fix(&open, 0)
		}
	}
	return nil
}
