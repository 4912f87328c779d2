package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// table is a view's files, open, with a position for every row: rows are counted
// through the files in the order given, their row groups and their rows.
type table struct {
	view     *feature.ViewVersion
	source   *feature.Table // the view's, as rolesApart gives it
	computed *computed      // nil: it has no derived columns
	files    []feature.File
	open     []TableFile
	groups   []rowGroup
	rows     int64

	keys    []int // per join key, its index in columns
	event   int   // indexes in columns; -1: the source names none
	created int
	avail   int
	columns []string // that keys and times are read from, each once
}

type rowGroup struct {
	file  int
	group int
	rows  int
	base  int64 // position of the first row
}

// chunk is the keys and times of a run of rows, as TableFile.Scan gives them.
type chunk struct {
	rows      int
	keys      []*feature.Column
	event     *feature.Column
	created   *feature.Column   // nil: the source names none
	available *feature.Column   // nil: the source names none
	extra     []*feature.Column // what else is scanned
}

func openTable(ctx context.Context, store Files, view *feature.ViewVersion, files []feature.File, workers int) (*table, error) {
	source, err := rolesApart(view)
	if err != nil {
		return nil, err
	}
	t := &table{view: view, source: source, computed: newComputed(source), files: files, open: make([]TableFile, len(files))}
	if err := t.plan(); err != nil {
		return nil, err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for i := range files {
		g.Go(func() error {
			f, err := store.Open(gctx, t.source, files[i])
			if t.open[i] = f; err == nil && t.computed != nil {
				t.open[i] = &computedFile{f, t.computed, files[i].Path}
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	for i, f := range t.open {
		for group, rows := range f.Groups() {
			t.groups = append(t.groups, rowGroup{i, group, rows, t.rows})
			t.rows += int64(rows)
		}
	}
	if err := t.lacking(); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// lacking is an error where a file lacks a column that keys or times are computed of, as
// it is where they are read from one: rows would be dropped without a word.
func (t *table) lacking() error {
	for _, name := range t.columns {
		if t.source.Column(name) != nil {
			continue // the file says so itself
		}
		reads, err := t.reads(name)
		if err != nil {
			return err
		}
		for _, read := range reads {
			i := slices.IndexFunc(t.open, func(f TableFile) bool { return f.Lacks(read) })
			if i >= 0 {
				return fmt.Errorf("%s has no column %q, which source %s computes %s of: write the file with it: %w",
					t.files[i].Path, t.source.Column(read).Column, t.source.Source, name, feature.ErrInvalid)
			}
		}
	}
	return nil
}

// missing is an error where none of the files has a column that a feature shows, or is
// computed of: the source no longer is what the view was defined on, and nulls would
// hide that. A file that lacks a column which others have is as one that holds nulls.
func (t *table) missing() error {
	for i := range t.view.Features {
		f := &t.view.Features[i]
		for _, name := range readsOf(f) {
			reads, err := t.reads(name)
			if err != nil {
				return err
			}
			for _, read := range reads {
				if err := t.missingColumn(f, read); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (t *table) missingColumn(f *feature.Field, read string) error {
	if len(t.open) == 0 || slices.ContainsFunc(t.open, func(file TableFile) bool { return !file.Lacks(read) }) {
		return nil
	}
	column := read
	if c := t.source.Column(read); c != nil {
		column = c.Column
	}
	return fmt.Errorf("none of the %d files of source %s has column %q, which feature %s shows (%s is one of them): bring the column back, or remove the feature and apply: %w",
		len(t.open), t.source.Source, column, f.Name, t.files[0].Path, feature.ErrInvalid)
}

// readsOf gives the names in a view's table that a feature is read from.
func readsOf(f *feature.Field) []string {
	names := []string{f.Column}
	if f.Aggregate != nil {
		names = []string{f.Aggregate.Column, f.Aggregate.Where}
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// rolesApart gives a view's table with an available timestamp that nothing else
// is read from. As available timestamp a column is rounded up, in every other role
// (in an expression, too) it is rounded down: where it has both it is read twice, under
// two names.
func rolesApart(view *feature.ViewVersion) (*feature.Table, error) {
	t := &view.Table
	available := t.Column(t.Available)
	if available == nil {
		return t, nil
	}
	shared := t.Available == t.Event || t.Available == t.Created || slices.Contains(view.KeyColumns, t.Available) ||
		slices.ContainsFunc(view.Features, func(f feature.Field) bool { return slices.Contains(readsOf(&f), t.Available) })
	if !shared {
		inExpressions, err := derived.OfTable(t, derivedNames(t)...)
		if err != nil {
			return nil, err
		}
		shared = slices.Contains(inExpressions.Reads, t.Available)
	}
	if !shared {
		return t, nil
	}
	apart, column := *t, *available
	for column.Name += " (available)"; !t.TypeOf(column.Name).IsZero(); {
		column.Name += "'"
	}
	apart.Available = column.Name
	apart.Columns = append(slices.Clone(t.Columns), column)
	slices.SortFunc(apart.Columns, func(a, b feature.TableColumn) int { return strings.Compare(a.Name, b.Name) })
	return &apart, nil
}

func derivedNames(t *feature.Table) []string {
	names := make([]string, len(t.Derived))
	for i := range t.Derived {
		names[i] = t.Derived[i].Name
	}
	return names
}

// plan looks up the columns that keys, times and features stand in.
func (t *table) plan() error {
	src := t.source
	at := func(name string) int {
		if i := slices.Index(t.columns, name); i >= 0 {
			return i
		}
		t.columns = append(t.columns, name)
		return len(t.columns) - 1
	}
	for k, name := range t.view.KeyColumns {
		if err := t.check("join key "+t.view.Keys[k].Name, name, t.view.Keys[k].Type); err != nil {
			return err
		}
		t.keys = append(t.keys, at(name))
	}
	for _, f := range t.view.Features {
		if err := t.checkFeature(&f); err != nil {
			return err
		}
	}
	t.event, t.created, t.avail = at(src.Event), -1, -1
	stamps := []string{src.Event}
	if t.view.Rule.Created {
		t.created = at(src.Created)
		stamps = append(stamps, src.Created)
	}
	if t.view.Rule.Available {
		t.avail = at(src.Available)
		stamps = append(stamps, src.Available)
	}
	for _, name := range stamps {
		if err := t.check("time", name, feature.Scalar(feature.Timestamp)); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) check(what, column string, want feature.Type) error {
	switch have := t.source.TypeOf(column); {
	case have.IsZero():
		return fmt.Errorf("%s is read from column %q, which its source %s does not name: %w",
			what, column, t.source.Source, feature.ErrInvalid)
	case have != want:
		return fmt.Errorf("%s is %s, but column %q of source %s is read as %s: %w",
			what, want, column, t.source.Source, have, feature.ErrInvalid)
	}
	return nil
}

// checkFeature checks what a feature is read from.
func (t *table) checkFeature(f *feature.Field) error {
	switch a := f.Aggregate; {
	case f.IsDerived():
		return nil // of other features, which are checked
	case a == nil:
		return t.check("feature "+f.Name, f.Column, f.Type)
	default:
		want, err := a.Function.Of(t.source.TypeOf(a.Column))
		if err == nil && want != f.Type {
			err = fmt.Errorf("it is %s, and %s gives %s: %w", f.Type, a.Function, want, feature.ErrInvalid)
		}
		if err != nil {
			return fmt.Errorf("feature %s: %w", f.Name, err)
		}
		if a.Where == "" {
			return nil
		}
		return t.check("the filter of feature "+f.Name, a.Where, feature.Scalar(feature.Bool))
	}
}

func (t *table) close() error {
	var errs []error
	for _, f := range t.open {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// locate gives the index of the row group in which a position is.
func (t *table) locate(position int64) int {
	return sort.Search(len(t.groups), func(i int) bool { return t.groups[i].base > position }) - 1
}

// featuresByName gives the indexes of the view's column features in the order of
// their names, which is the order in which values settle full ties.
func (t *table) featuresByName() []int {
	var order []int
	for i := range t.view.Features {
		if t.view.Features[i].Column != "" {
			order = append(order, i)
		}
	}
	sort.Slice(order, func(a, b int) bool { return t.view.Features[order[a]].Name < t.view.Features[order[b]].Name })
	return order
}

// scan reads keys and times of the given row groups, chunk by chunk, with several
// workers. worker makes what a worker does with a chunk, whose first row is at
// position base; it is called once per worker, and what it gives is used by one
// goroutine. done is told the rows of each group that was read. more are columns that
// chunks have beside keys and times.
func (t *table) scan(ctx context.Context, groups []int, workers int, done func(rows int),
	worker func() func(ctx context.Context, group int, base int64, c *chunk) error, more ...string,
) error {
	g, ctx := errgroup.WithContext(ctx)
	columns := slices.Concat(t.columns, more)
	var next atomic.Int64
	for range min(workers, len(groups)) {
		g.Go(func() error {
			take := worker()
			c := &chunk{keys: make([]*feature.Column, len(t.keys))}
			for {
				n := int(next.Add(1)) - 1
				if n >= len(groups) {
					return nil
				}
				if err := t.scanGroup(ctx, groups[n], columns, c, take); err != nil {
					return err
				}
				done(t.groups[groups[n]].rows)
			}
		})
	}
	return g.Wait()
}

// scatterer is a worker of a scan that scatters rows.
type scatterer interface {
	chunk(ctx context.Context, group int, base int64, c *chunk) error
	flush() error // passes on what it holds, after the last chunk
}

// scatter is scan with workers that scatter.
func (t *table) scatter(ctx context.Context, groups []int, workers int, done func(rows int), worker func() scatterer, more ...string) error {
	var mu sync.Mutex
	var all []scatterer
	err := t.scan(ctx, groups, workers, done, func() func(context.Context, int, int64, *chunk) error {
		w := worker()
		mu.Lock()
		defer mu.Unlock()
		all = append(all, w)
		return w.chunk
	}, more...)
	if err != nil {
		return err
	}
	return each(ctx, len(all), workers, func(_ context.Context, i int) error { return all[i].flush() })
}

func (t *table) scanGroup(ctx context.Context, group int, names []string, c *chunk,
	take func(ctx context.Context, group int, base int64, c *chunk) error,
) error {
	g := &t.groups[group]
	return t.open[g.file].Scan(ctx, g.group, names, func(first int, columns []*feature.Column) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for k, at := range t.keys {
			c.keys[k] = columns[at]
		}
		c.event, c.created, c.available = columns[t.event], nil, nil
		if t.created >= 0 {
			c.created = columns[t.created]
		}
		if t.avail >= 0 {
			c.available = columns[t.avail]
		}
		c.rows, c.extra = c.event.Len(), columns[len(t.columns):]
		return take(ctx, group, g.base+int64(first), c)
	})
}

// span is the times that rows of interest may have: visible_from in (after, until],
// and, with a TTL, not older than it at oldest.
type span struct {
	after  feature.Time // exclusive; all: there is no such bound
	all    bool
	until  feature.Time // inclusive
	oldest feature.Time
	ttl    feature.Duration // 0: none

	windows bool // rows are of interest after tail only
	tail    feature.Time
}

func (t *table) outside(group int, s span) bool { return t.skips(group, s) != "" }

// skips tells why no row of a group can be in the span, by the bounds that the file
// gives; empty: one may be. Each line holds because VisibleFrom grows with e and with a, and
// t - e falls with e: what is true of the bound is true of every row.
func (t *table) skips(group int, s span) Reason {
	g, rule := &t.groups[group], t.view.Rule
	file := t.open[g.file]
	if g.rows == 0 {
		return ReasonNoRows
	}
	least, most, ok := file.Times(g.group, t.source.Event)
	leastA, mostA, okA := feature.MinTime, feature.MaxTime, true
	if t.avail >= 0 {
		leastA, mostA, okA = file.Times(g.group, t.source.Available)
	}
	switch {
	case ok && least > most, okA && leastA > mostA:
		return ReasonNull
	case ok && least.Add(rule.Delay) > s.until, t.avail >= 0 && okA && leastA > s.until:
		return ReasonLater
	case ok && s.ttl != 0 && s.oldest.Sub(most) > s.ttl:
		return ReasonTTL
	case ok && s.windows && most <= s.tail:
		return ReasonWindow
	case !s.all && ok && okA && rule.VisibleFrom(most, mostA) <= s.after:
		return ReasonBefore
	}
	return ""
}

// earliest gives a time that no event of some row groups is before.
func (t *table) earliest(groups []int) feature.Time {
	earliest := feature.MaxTime
	for _, g := range groups {
		least, most, ok := t.open[t.groups[g].file].Times(t.groups[g].group, t.source.Event)
		switch {
		case !ok:
			return feature.MinTime
		case least <= most: // else all are null
			earliest = min(earliest, least)
		}
	}
	return earliest
}

// selectRows appends to selected the rows of a chunk that satisfy T3 and may be in
// the span, and to visible their visible_from.
func (c *chunk) selectRows(rule feature.Rule, s span, selected []int32, visible []feature.Time) ([]int32, []feature.Time) {
	nullable := c.nullable()
	for i := range c.rows {
		if anyNull(nullable, i) {
			continue
		}
		e := feature.Time(c.event.Int64s[i])
		var a feature.Time
		if c.available != nil {
			a = feature.Time(c.available.Int64s[i])
		}
		from := rule.VisibleFrom(e, a)
		if from > s.until || !s.all && from <= s.after || s.ttl != 0 && s.oldest.Sub(e) > s.ttl || s.windows && e <= s.tail {
			continue
		}
		selected = append(selected, int32(i))
		visible = append(visible, from)
	}
	return selected, visible
}

// nullable gives the validity of those columns that T3 names and that hold nulls.
func (c *chunk) nullable() [][]bool {
	var valid [][]bool
	for _, k := range c.keys {
		if k.Valid != nil {
			valid = append(valid, k.Valid)
		}
	}
	if c.event.Valid != nil {
		valid = append(valid, c.event.Valid)
	}
	if c.available != nil && c.available.Valid != nil {
		valid = append(valid, c.available.Valid)
	}
	return valid
}

func anyNull(valid [][]bool, i int) bool {
	for _, v := range valid {
		if !v[i] {
			return true
		}
	}
	return false
}

// more gives the part of a row's stamp behind the event time.
func (c *chunk) more(i int32) moreStamp {
	var m moreStamp
	if c.created != nil && !c.created.IsNull(int(i)) {
		m.created, m.hasCreated = feature.Time(c.created.Int64s[i]), true
	}
	if c.available != nil {
		m.available = feature.Time(c.available.Int64s[i])
	}
	return m
}
