package equivalence_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/quiver-features/quiver/offline/offlinetest"
)

// landing is how the files of a case come to stand in a folder, bit by bit: it
// keeps, for every file of the case, how many of its rows are there.
type landing struct {
	r     *rand.Rand
	whole *offlinetest.Case
	rows  [][]int // per source and file; -1: the file is not there
	// compact has all rows of a source stand in one file.
	compact bool
}

// newLanding lets a first part of the case land. Each source has a file from the
// start, since a source without any is an error.
func newLanding(r *rand.Rand, c *offlinetest.Case) *landing {
	l := &landing{r: r, whole: c}
	for _, s := range c.Sources {
		rows := make([]int, len(s.Files))
		for i, f := range s.Files {
			rows[i] = -1
			if i == 0 || r.IntN(3) == 0 {
				rows[i] = r.IntN(f.Rows() + 1)
			}
		}
		l.rows = append(l.rows, rows)
	}
	return l
}

// grow lets files come and grow. A file that grows is another file with the old
// rows and more.
func (l *landing) grow() {
	for s := range l.rows {
		for i, had := range l.rows[s] {
			if l.r.IntN(2) == 0 {
				l.rows[s][i] = max(had, l.r.IntN(l.whole.Sources[s].Files[i].Rows()+1))
			}
		}
	}
}

// finish lets everything land.
func (l *landing) finish() {
	for s := range l.rows {
		for i := range l.rows[s] {
			l.rows[s][i] = l.whole.Sources[s].Files[i].Rows()
		}
	}
}

// shrink takes rows away, and whole files but the first of each source.
func (l *landing) shrink() {
	for s := range l.rows {
		for i, had := range l.rows[s] {
			switch l.r.IntN(3) {
			case 0:
				l.rows[s][i] = l.r.IntN(max(had, 0) + 1)
			case 1:
				if i > 0 {
					l.rows[s][i] = -1
				}
			}
		}
	}
}

// stands gives the case with the files as they stand.
func (l *landing) stands() *offlinetest.Case {
	c := *l.whole
	c.Sources = nil
	for s, source := range l.whole.Sources {
		files := source.Files
		source.Files = nil
		for i, n := range l.rows[s] {
			if n >= 0 {
				source.Files = append(source.Files, beginning(files[i], n))
			}
		}
		if l.compact {
			source.Files = []offlinetest.File{together(source.Files)}
		}
		c.Sources = append(c.Sources, source)
	}
	return &c
}

// together puts the rows of files into one.
func together(files []offlinetest.File) offlinetest.File {
	out := rowsOf(files[0], nil)
	out.Name, out.Groups = "compact", nil
	for _, f := range files {
		out.Name += fmt.Sprintf("_%d", f.Rows()) // another file where other rows are in it
		for i := range out.Columns {
			for row := range f.Rows() {
				out.Columns[i].Values.AppendFrom(f.Columns[i].Values, row)
			}
		}
		out.Groups = append(out.Groups, f.Groups...)
	}
	return out
}

// beginning gives the first n rows of a file, in its row groups.
func beginning(f offlinetest.File, n int) offlinetest.File {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	out := rowsOf(f, rows)
	out.Groups = nil
	for _, g := range f.Groups {
		g = min(g, n)
		out.Groups, n = append(out.Groups, g), n-g
	}
	return out
}

// write brings a data folder from one state to another. What did not change is not
// touched.
func write(root string, from, to *offlinetest.Case) error {
	changed := *to
	changed.Sources = nil
	for s := range to.Sources {
		had := map[string]int{}
		if from != nil {
			for i := range from.Sources[s].Files {
				had[from.Sources[s].Files[i].Name] = from.Sources[s].Files[i].Rows()
			}
		}
		source := to.Sources[s]
		source.Files = nil
		for _, f := range to.Sources[s].Files {
			if rows, there := had[f.Name]; !there || rows != f.Rows() {
				source.Files = append(source.Files, f)
			}
			delete(had, f.Name)
		}
		for name := range had {
			if err := os.Remove(filepath.Join(root, source.Name, name+".parquet")); err != nil {
				return err
			}
		}
		changed.Sources = append(changed.Sources, source)
	}
	return offlinetest.WriteSources(root, &changed)
}
