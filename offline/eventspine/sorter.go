package eventspine

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/quiver-features/quiver/feature"
)

// sorter holds one worker's rows: sorted runs on disk, and what is in memory.
type sorter struct {
	folder string
	most   int // bytes in memory, at most sorterMost
	data   []byte
	rows   []span
	runs   []*os.File
}

// span is a row in data, with its first bytes at hand.
type span struct {
	prefix   uint64
	from, to uint32
}

const (
	spanBytes  = 16
	sorterMost = 1 << 30 // spans count in 32 bits, and time is better spent elsewhere than in longer runs
)

func (s *sorter) add(row []byte) error {
	if s.size()+len(row)+spanBytes > s.most {
		s.settle()
		if s.size() > s.most/2 {
			if err := s.spill(); err != nil {
				return err
			}
		}
	}
	from := len(s.data)
	s.data = append(s.data, row...)
	s.rows = append(s.rows, span{prefixOf(row), uint32(from), uint32(len(s.data))})
	return nil
}

// size is what the rows in memory take.
func (s *sorter) size() int { return len(s.data) + spanBytes*len(s.rows) }

func prefixOf(row []byte) uint64 {
	if len(row) >= 8 {
		return binary.BigEndian.Uint64(row)
	}
	var b [8]byte
	copy(b[:], row)
	return binary.BigEndian.Uint64(b[:])
}

func (s *sorter) row(r span) []byte { return s.data[r.from:r.to] }

// settle sorts the rows in memory and drops those that are there twice.
func (s *sorter) settle() {
	slices.SortFunc(s.rows, func(a, b span) int {
		switch {
		case a.prefix < b.prefix:
			return -1
		case a.prefix > b.prefix:
			return 1
		}
		return bytes.Compare(s.row(a), s.row(b))
	})
	s.rows = slices.CompactFunc(s.rows, func(a, b span) bool { return bytes.Equal(s.row(a), s.row(b)) })
	size := 0
	for _, r := range s.rows {
		size += int(r.to - r.from)
	}
	if size == len(s.data) {
		return
	}
	data := make([]byte, 0, size)
	for i, r := range s.rows {
		from := len(data)
		data = append(data, s.row(r)...)
		s.rows[i].from, s.rows[i].to = uint32(from), uint32(len(data))
	}
	s.data = data
}

// spill writes the rows in memory, which are sorted, as a run.
func (s *sorter) spill() error {
	f, err := newTemp(s.folder)
	if err != nil {
		return err
	}
	s.runs = append(s.runs, f)
	w := bufio.NewWriterSize(f, 1<<18)
	for _, r := range s.rows {
		if err := writeRow(w, s.row(r)); err != nil {
			return diskError(err)
		}
	}
	if err := w.Flush(); err != nil {
		return diskError(err)
	}
	s.data, s.rows = s.data[:0], s.rows[:0]
	return nil
}

func (s *sorter) close() {
	for _, f := range s.runs {
		_ = f.Close() // it has no name: nothing is left
	}
	s.runs, s.data, s.rows = nil, nil, nil
}

// newTemp makes a file without a name.
func newTemp(folder string) (*os.File, error) {
	f, err := os.CreateTemp(folder, "quiver-spine-*")
	if err != nil {
		return nil, diskError(err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(diskError(err), f.Close())
	}
	return f, nil
}

func diskError(err error) error {
	hint := "set TMPDIR to a folder that can be written"
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		hint = "the disk is full: free some space, set TMPDIR to a larger disk or raise --memory"
	}
	return fmt.Errorf("a temporary file of the spine can't be written: %s: %w: %w", hint, err, feature.ErrUnavailable)
}

func writeRow(w *bufio.Writer, row []byte) error {
	var length [binary.MaxVarintLen64]byte
	if _, err := w.Write(length[:binary.PutUvarint(length[:], uint64(len(row)))]); err != nil {
		return err
	}
	_, err := w.Write(row)
	return err
}

// readRow reads what writeRow wrote into memory of row; io.EOF at the end.
func readRow(r *bufio.Reader, row []byte) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > 1<<31 {
		return nil, io.ErrUnexpectedEOF
	}
	row = slices.Grow(row[:0], int(n))[:n]
	_, err = io.ReadFull(r, row)
	return row, err
}
