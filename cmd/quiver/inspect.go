package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/csv"
	"github.com/quiver-features/quiver/offline/ipc"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/offline/profile"
)

func (a *app) inspectCommand() *cobra.Command {
	var manifest string
	c := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what a training set holds: its manifest, match and null rates, distributions",
		Long: `Shows a training set (Parquet, CSV, Arrow, or a folder of them): how it came about,
by the manifest beside it; whether its bytes are still those that the manifest
tells of; its range of time; and for each column the share of rows that matched a
source row, the share of nulls, a histogram from the 1st to the 99th percentile,
quartiles, or the commonest values.

Of more than 65,536 rows, histograms, quartiles and values are those of a sample
of so many; nulls, the least and the greatest value are of all. A file without a
manifest is shown, too. No project is needed.`,
		Example: `  quiver inspect train.parquet
  quiver inspect train.parquet -o json`,
		Args: exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error { return a.inspect(c.Context(), args[0], manifest) },
	}
	c.Flags().StringVar(&manifest, "manifest", "", "`file` with the manifest (default: FILE.manifest.json)")
	return c
}

// inspection is what inspect shows.
type inspection struct {
	Path     string            `json:"path"`
	Format   string            `json:"format"`
	Files    int               `json:"files"`
	Bytes    int64             `json:"bytes"`
	Intact   *bool             `json:"intact,omitempty"` // the bytes are those of the manifest; nil: nobody knows
	Manifest *offline.Manifest `json:"manifest,omitempty"`
	*profile.Profile
}

func (a *app) inspect(ctx context.Context, path, manifest string) error {
	found := &inspection{Path: path}
	if err := found.open(manifest); err != nil {
		return err
	}
	files, err := found.files()
	if err != nil {
		return err
	}
	var spines []offline.Spine
	defer func() {
		for _, s := range spines {
			_ = s.Close()
		}
	}()
	for _, file := range files {
		s, err := found.openFile(ctx, file)
		if err != nil {
			return err
		}
		spines = append(spines, s)
		found.Bytes += s.Source().Size
	}
	found.Files = len(files)
	if found.Profile, err = profile.Of(ctx, spines); err != nil {
		return err
	}
	if err := found.verify(); err != nil {
		return err
	}
	return a.print(found, func() error { return a.printInspection(found) })
}

// open reads the manifest, where there is one.
func (i *inspection) open(manifest string) error {
	if _, err := os.Stat(i.Path); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("training set %s does not exist: check the path: %w", i.Path, feature.ErrNotFound)
	}
	path := manifest
	if path == "" {
		path = offline.ManifestPath(filepath.Clean(i.Path))
	}
	m, err := offline.ReadManifest(path)
	switch {
	case err == nil:
		i.Manifest, i.Format = m, m.Output.Format
	case manifest != "" || !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// files gives those of a folder, or the one.
func (i *inspection) files() ([]string, error) {
	st, err := os.Stat(i.Path)
	if err != nil {
		return nil, fmt.Errorf("training set %s: %w: %w", i.Path, err, feature.ErrUnavailable)
	}
	var all []string
	switch {
	case !st.IsDir():
		return []string{i.Path}, nil
	case i.Manifest != nil && i.Manifest.Rows == 0:
		return nil, nil // a folder of partitions without a row has none
	case i.Manifest != nil:
		for _, f := range i.Manifest.Output.Files {
			all = append(all, filepath.Join(i.Path, filepath.FromSlash(f.Path)))
		}
	default:
		err := filepath.WalkDir(i.Path, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && formatOf(path) != "" {
				all = append(all, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("training set %s: %w: %w", i.Path, err, feature.ErrUnavailable)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("folder %s holds no file of a training set: %w", i.Path, feature.ErrNotFound)
	}
	return all, nil
}

func (i *inspection) openFile(ctx context.Context, path string) (offline.Spine, error) {
	if i.Format == "" {
		i.Format = formatOf(path)
	}
	switch i.Format {
	case formatParquet:
		return parquet.OpenSpine(path)
	case formatCSV:
		return csv.OpenSpine(ctx, path, i.hints())
	case formatArrow, formatArrowStream:
		return ipc.OpenSpine(ctx, path)
	}
	return nil, usagef("training set %s: expected a file that ends in .parquet, .csv, .arrow, .feather or .arrows, or has a manifest", path)
}

// hints are the types that the manifest knows of a CSV file's columns.
func (i *inspection) hints() map[string]feature.Type {
	hints := map[string]feature.Type{}
	if i.Manifest == nil {
		return hints
	}
	maps.Copy(hints, i.Manifest.Output.Columns)
	hints[i.Manifest.EventTimestamp] = feature.Scalar(feature.Timestamp)
	for _, f := range i.Manifest.Features {
		if !f.Type.List {
			hints[f.Name] = f.Type
		}
	}
	return hints
}

// verify compares the bytes with the manifest's digest.
func (i *inspection) verify() error {
	if i.Manifest == nil || i.Manifest.Output.Digest == "" {
		return nil
	}
	var digest string
	parts := i.Manifest.Output.Files
	if st, err := os.Stat(i.Path); err == nil && st.IsDir() {
		now := make([]offline.ManifestPart, len(parts))
		for n, p := range parts {
			d, err := offline.DigestFile(filepath.Join(i.Path, filepath.FromSlash(p.Path)))
			if err != nil {
				return err
			}
			now[n] = offline.ManifestPart{Path: p.Path, Rows: p.Rows, Digest: d}
		}
		digest = offline.DigestFolder(now)
	} else {
		var err error
		if digest, err = offline.DigestFile(i.Path); err != nil {
			return err
		}
	}
	intact := digest == i.Manifest.Output.Digest
	i.Intact = &intact
	return nil
}

func (a *app) printInspection(i *inspection) error {
	var b strings.Builder
	b.WriteString(a.pairs(i.heading()))
	if i.Manifest != nil && len(i.Manifest.Views) > 0 {
		var rows [][]string
		for _, v := range i.Manifest.Views {
			rows = append(rows, []string{
				v.View, v.Alias, v.Source, count(len(v.Files)),
				percent(v.Matched, i.Manifest.Rows), percent(v.Ties, i.Manifest.Rows), percent(v.SameTime, i.Manifest.Rows), percent(v.CreatedAfter, i.Manifest.Rows),
			})
		}
		b.WriteString("\n" + a.table([]string{"VIEW", "AS", "SOURCE", "FILES", "MATCHED", "TIES", "SAME TIME", "CREATED AFTER"}, rows, 3, 4, 5, 6, 7))
	}
	matched := map[string]string{}
	if i.Manifest != nil {
		for _, f := range i.Manifest.Features {
			matched[f.Name] = shareOf(i.Manifest.Rows, f.MatchRate)
		}
	}
	var rows [][]string
	for n := range i.Columns {
		c := &i.Columns[n]
		rows = append(rows, []string{c.Name, typeTold(c.Type), matched[c.Name], shareOf(i.Rows, c.NullRate), sparkline(c.Histogram, a.bars()), valuesTold(c)})
	}
	b.WriteString("\n" + a.table([]string{"COLUMN", "TYPE", "MATCHED", "NULL", "HISTOGRAM", "VALUES"}, rows, 2, 3))
	if i.Sampled < i.Rows {
		fmt.Fprintf(&b, "\nHistograms, quartiles and values are of a sample of %s rows.\n", count(i.Sampled))
	}
	if i.Manifest != nil {
		if notes := failures(i.Manifest); notes != "" {
			b.WriteString("\n" + notes)
		}
	}
	return a.printText(b.String())
}

// typeTold writes a type in few words.
func typeTold(t string) string {
	if strings.HasPrefix(t, "timestamp") {
		return "timestamp"
	}
	return strings.NewReplacer("utf8", "string", ", nullable", "", "item: ", "", "element: ", "").Replace(t)
}

// heading tells what the training set is and how it came about.
func (i *inspection) heading() [][]string {
	lines := [][]string{
		{"training set", fmt.Sprintf("%s (%s, %s)", i.Path, i.Format, sizeTold(i.Bytes, i.Files))},
		{"rows", fmt.Sprintf("%s of %s", count(i.Rows), plural(len(i.Columns), "column", "columns"))},
	}
	m := i.Manifest
	if m == nil {
		return append(lines, []string{"manifest", "none: how it came about is not known"})
	}
	for n := range i.Columns {
		if c := &i.Columns[n]; c.Name == m.EventTimestamp && c.Least != nil {
			lines = append(lines, []string{"time range", fmt.Sprintf("%v to %v (%s)", c.Least, c.Greatest, c.Name)})
		}
	}
	of := m.Service
	if of == "" {
		of = "a list of features"
	}
	from := "definitions from files, not applied"
	if m.Registry != "" {
		from = fmt.Sprintf("registry %s at revision %d", m.Registry, m.Revision)
	}
	lines = append(lines,
		[]string{"of", of + ", " + from},
		[]string{"spine", fmt.Sprintf("%s (%s)", m.Spine.Path, plural(int(m.Spine.Rows), "row", "rows"))})
	if m.Asked.Sample != "" {
		lines = append(lines, []string{"sample", fmt.Sprintf("%s, seed %d", m.Asked.Sample, m.Asked.Seed)})
	}
	if len(m.Asked.PartitionBy) > 0 {
		lines = append(lines, []string{"partitioned by", strings.Join(m.Asked.PartitionBy, ", ")})
	}
	lines = append(lines, []string{"built", fmt.Sprintf("%s by quiver %s", m.Created.Format("2006-01-02 15:04:05Z"), m.Engine)})
	switch {
	case i.Intact == nil:
		lines = append(lines, []string{"bytes", "the manifest has no digest to compare them with"})
	case *i.Intact:
		lines = append(lines, []string{"bytes", "as the manifest says"})
	default:
		lines = append(lines, []string{"bytes", "NOT those that the manifest tells of: it was written over"})
	}
	return lines
}

func sizeTold(bytes int64, files int) string {
	size := count(bytes) + " bytes"
	for _, u := range []struct {
		name string
		size float64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if float64(bytes) >= u.size {
			size = fmt.Sprintf("%.1f %s", float64(bytes)/u.size, u.name)
			break
		}
	}
	if files > 1 {
		return size + " in " + count(files) + " files"
	}
	return size
}

// sparkline draws counts.
func sparkline(counts []int64, draw bars) string {
	most := int64(0)
	for _, n := range counts {
		most = max(most, n)
	}
	line := make([]rune, len(counts))
	for i, n := range counts {
		line[i] = draw.none
		if n > 0 {
			line[i] = draw.levels[(n*int64(len(draw.levels))-1)/most]
		}
	}
	return string(line)
}

// valuesTold writes least, quartiles and greatest, or the commonest values.
func valuesTold(c *profile.Column) string {
	var parts []string
	if len(c.Quantiles) > 0 {
		q := func(n int) string { return number(c.Quantiles[n]) }
		middle := fmt.Sprintf("quartiles %s, %s, %s", q(2), q(3), q(4))
		if _, text := c.Least.(fmt.Stringer); text { // times are long
			middle = "median " + q(3)
		}
		parts = append(parts, fmt.Sprintf("%s to %s; %s", number(c.Least), number(c.Greatest), middle))
	}
	if c.NaNs > 0 {
		parts = append(parts, count(c.NaNs)+" NaN")
	}
	if len(c.Top) > 0 {
		var top []string
		for _, v := range c.Top {
			top = append(top, fmt.Sprintf("%s %.0f %%", shorten(v.Text), 100*v.Share))
		}
		if c.Distinct > len(c.Top) {
			top = append(top, plural(c.Distinct, "value", "values")+" in all")
		}
		parts = append(parts, strings.Join(top, ", "))
	}
	return strings.Join(parts, "; ")
}

func shorten(s string) string {
	const most = 24
	if r := []rune(s); len(r) > most {
		s = string(r[:most-1]) + "…"
	}
	if s == "" {
		return `""`
	}
	return s
}

// number writes a value for people: floats in six digits, midnights as dates.
func number(v any) string {
	switch v := v.(type) {
	case float64:
		if math.IsInf(v, 0) {
			return feature.FloatText(v, 64)
		}
		return strconv.FormatFloat(v, 'g', 6, 64)
	case feature.Time: // to the second, and with a place where the line can end
		text, _, _ := strings.Cut(strings.TrimSuffix(v.String(), "Z"), ".")
		return strings.TrimSuffix(strings.Replace(text, "T", " ", 1), " 00:00:00")
	}
	return fmt.Sprint(v)
}
