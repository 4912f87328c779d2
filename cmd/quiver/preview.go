package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/inmemory"
	"github.com/quiver-features/quiver/registry"
)

type previewFlags struct {
	keys       []string
	asOf, last string
	points     int
	most       int
	memory     string
}

func (a *app) previewCommand() *cobra.Command {
	var f previewFlags
	c := &cobra.Command{
		Use:   "preview VIEW [--key NAME=VALUE[,VALUE...]]",
		Short: "Look at a view's features before it is applied",
		Long: `Computes the features of a view from its source, by the definitions as they stand in
the project's files, and shows them for some keys: the values as of a time, and how they
went until then. Nothing is applied or written, and the values are those that a
training set would show.

Without --key the keys with the most events in the time shown are taken.`,
		Example: `  quiver preview airport_delay
  quiver preview airport_delay --key airport=SFO,JFK --as-of 2001-06-30T12:00:00Z
  quiver preview airport_delay --last 7d --points 28 -o json`,
		Args: exactly("VIEW"),
		RunE: func(c *cobra.Command, args []string) error { return a.preview(c.Context(), f, args[0]) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.keys, "key", nil, "key column with its `values`: name=value,value; once per column")
	flags.StringVar(&f.asOf, "as-of", "", "`time` that is looked at (default: now)")
	flags.StringVar(&f.last, "last", "", "how `long` before that values are shown, for example 24h (default: the view's longest window, else its ttl, else 30d)")
	flags.IntVar(&f.points, "points", 32, "`number` of times that are shown")
	flags.IntVar(&f.most, "most", 5, "most `keys` that are taken, where none are given")
	flags.StringVar(&f.memory, "memory", "", "`bytes` of memory to use, about, for example 512MiB (default: a quarter of the machine's)")
	return c
}

// The most that is looked at: a preview is for the eye.
const (
	mostPoints      = 1000
	mostPreviewKeys = 1000
)

func (f *previewFlags) check() error {
	switch {
	case f.points < 2 || f.points > mostPoints:
		return usagef("--points %d: expected 2 to %d", f.points, mostPoints)
	case f.most < 1 || f.most > mostPreviewKeys:
		return usagef("--most %d: expected 1 to %d", f.most, mostPreviewKeys)
	}
	return nil
}

// previewed is what a preview shows.
type previewed struct {
	View  string         `json:"view"`
	From  feature.Time   `json:"from"`
	AsOf  feature.Time   `json:"as_of"`
	Times []feature.Time `json:"times"`
	Keys  []previewedKey `json:"keys"`
	// Failed is what could not be computed, of the keys and times shown or of rows of the source.
	Failed []failure `json:"failed,omitempty"`

	took   time.Duration
	chosen bool // nobody named the keys
}

type previewedKey struct {
	Key      map[string]any     `json:"key"`
	Features []previewedFeature `json:"features"`
	Unknown  bool               `json:"unknown,omitzero"` // the source has no row of it

	text string
}

type previewedFeature struct {
	Name   string       `json:"name"`
	Type   feature.Type `json:"type"`
	Value  any          `json:"value"`
	Series []any        `json:"series"` // one a time; the last is the value

	text string
}

func (a *app) preview(ctx context.Context, f previewFlags, name string) error {
	if err := f.check(); err != nil {
		return err
	}
	memory, err := parseMemory(f.memory)
	if err != nil {
		return usagef("--memory: %w", err)
	}
	return a.withDefinitions(ctx, true, func(p *project, s *registry.Snapshot) error {
		view, err := s.View(name, 0)
		if err != nil {
			return err
		}
		selection, err := s.Select([]feature.Reference{{View: view.Name, Feature: "*"}})
		if err != nil {
			return err
		}
		times, err := f.times(p, view)
		if err != nil {
			return err
		}
		started := time.Now()
		m := newMeter(a.env.err)
		defer m.stop()
		memory, unbound := boundMemory(memory)
		defer unbound()
		engine := offline.New(newFixedFiles(p.files), offline.Options{Memory: memory, Progress: m.training})
		keys, err := f.keyColumns(ctx, engine, selection, view, times)
		if err != nil {
			return err
		}
		names, columns := spineOf(view, keys, times)
		values, result, err := inmemory.Train(ctx, engine, selection, names, columns)
		if err != nil {
			return err
		}
		shown := previewOf(view, selection, keys, times, values)
		shown.Failed, shown.chosen = failuresOf(selection, result), len(f.keys) == 0 && len(view.Keys) > 0
		if !shown.chosen {
			if err := shown.markUnknown(ctx, engine, view, keys); err != nil {
				return err
			}
		}
		m.stop()
		shown.took = time.Since(started)
		return a.print(shown, func() error { return a.printPreview(shown) })
	})
}

// times gives the times that are shown, evenly spaced, the last one that of the preview.
func (f *previewFlags) times(p *project, view *feature.ViewVersion) ([]feature.Time, error) {
	to := p.clock()
	if at, err := parseTimeFlag("--as-of", f.asOf); err != nil {
		return nil, err
	} else if at != nil {
		to = *at
	}
	last := usualSpan(view)
	if f.last != "" {
		var err error
		if last, err = feature.ParseDuration(f.last); err != nil {
			return nil, usagef("--last: %w", err)
		}
	}
	step := last / feature.Duration(f.points-1)
	if step < 1 {
		return nil, usagef("--last %s is too short for %d points", last, f.points)
	}
	if step > feature.Second {
		step -= step % feature.Second
	}
	times := make([]feature.Time, f.points)
	for i := range times {
		times[i] = to.Add(-step * feature.Duration(f.points-1-i))
	}
	return times, nil
}

// usualSpan is long enough to see a view's values move.
func usualSpan(view *feature.ViewVersion) feature.Duration {
	longest := feature.Duration(0)
	for i := range view.Features {
		if agg := view.Features[i].Aggregate; agg != nil {
			longest = max(longest, agg.Window.Length)
		}
	}
	switch {
	case longest > 0:
		return longest
	case view.Rule.TTL > 0 && view.Rule.TTL < 3650*feature.Day:
		return view.Rule.TTL
	default:
		return 30 * feature.Day
	}
}

// keyColumns gives the keys that are looked at, a column for each of the view's.
func (f *previewFlags) keyColumns(ctx context.Context, engine *offline.Engine, selection *feature.Selection, view *feature.ViewVersion, times []feature.Time) ([]*feature.Column, error) {
	if len(f.keys) == 0 && len(view.Keys) > 0 {
		return busiest(ctx, engine, view, times[0], times[len(times)-1], f.most)
	}
	given, _, err := getFlags{keys: f.keys}.columns(selection)
	if err != nil {
		return nil, err
	}
	var keys []*feature.Column
	for _, k := range view.Keys {
		keys = append(keys, given[k.Name])
	}
	if len(keys) > 0 && keys[0].Len() > mostPreviewKeys {
		return nil, usagef("--key: %d keys, at most %d can be looked at", keys[0].Len(), mostPreviewKeys)
	}
	return keys, nil
}

// spineOf gives a row for each key and time.
func spineOf(view *feature.ViewVersion, keys []*feature.Column, times []feature.Time) (names []string, columns []*feature.Column) {
	rows := 1
	if len(keys) > 0 {
		rows = keys[0].Len()
	}
	for i, k := range view.Keys {
		c := feature.NewColumn(keys[i].Type, rows*len(times))
		for row := range rows {
			for range times {
				c.AppendFrom(keys[i], row)
			}
		}
		names, columns = append(names, k.Name), append(columns, c)
	}
	at := feature.NewColumn(feature.Scalar(feature.Timestamp), rows*len(times))
	for range rows {
		for _, t := range times {
			at.AppendInt64(int64(t))
		}
	}
	return append(names, "event_timestamp"), append(columns, at)
}

func previewOf(view *feature.ViewVersion, selection *feature.Selection, keys []*feature.Column, times []feature.Time, values []*feature.Column) *previewed {
	p := &previewed{View: view.ID(), From: times[0], AsOf: times[len(times)-1], Times: times, Keys: []previewedKey{}}
	rows := 1
	if len(keys) > 0 {
		rows = keys[0].Len()
	}
	for row := range rows {
		k := previewedKey{Key: map[string]any{}}
		var texts []string
		for i := range keys {
			k.Key[view.Keys[i].Name] = plain(keys[i].Any(row))
			texts = append(texts, keys[i].Text(row))
		}
		k.text = strings.Join(texts, ", ")
		for i, o := range selection.Outputs {
			field, c := selection.Field(o), values[i]
			last := (row+1)*len(times) - 1
			shown := previewedFeature{Name: field.Name, Type: field.Type, Value: plain(c.Any(last)), text: "-"}
			if !c.IsNull(last) {
				shown.text = c.Text(last)
			}
			for at := row * len(times); at <= last; at++ {
				shown.Series = append(shown.Series, plain(c.Any(at)))
			}
			k.Features = append(k.Features, shown)
		}
		p.Keys = append(p.Keys, k)
	}
	return p
}

func (a *app) printPreview(p *previewed) error {
	header := []string{"KEY", "FEATURE", "AS OF", "UNTIL THEN", "LEAST", "GREATEST", "NULL"}
	draw := a.bars()
	var rows [][]string
	for _, k := range p.Keys {
		for i, f := range k.Features {
			key := ""
			if i == 0 {
				key = k.text
			}
			line, least, greatest := course(f.Series, draw)
			nulls := 0
			for _, v := range f.Series {
				if v == nil {
					nulls++
				}
			}
			rows = append(rows, []string{key, f.Name, shorten(f.text), line, least, greatest, shareOf(int64(len(f.Series)), float64(nulls)/float64(len(f.Series)))})
		}
	}
	if err := a.printTable(header, rows, 2, 4, 5, 6); err != nil {
		return err
	}
	text := fmt.Sprintf("\n%s of the files, as of %s and back to %s in %d steps (%s); nothing was applied\n",
		p.View, p.AsOf, p.From, len(p.Times)-1, tookText(p.took))
	switch {
	case len(p.Keys) == 0:
		text += "note: no key has an event in that time: look further back with --last, elsewhere with --as-of, or name keys with --key\n"
	case p.chosen:
		text += "note: the keys are those with the most events in that time; --key names others\n"
	}
	for _, k := range p.Keys {
		if k.Unknown {
			text += fmt.Sprintf("note: the source has no row of %s: its features are those of an unknown key\n", shorten(k.text))
		}
	}
	for _, f := range p.Failed {
		text += f.text()
	}
	return a.printText(text)
}
