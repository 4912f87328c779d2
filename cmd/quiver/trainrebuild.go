package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// fromManifest takes everything that decides the rows and their bytes from the
// manifest of a training set.
func (t *training) fromManifest(c *cobra.Command) error {
	if name := givenBeside(c); name != "" {
		return usagef("--%s and --from-manifest don't go together: the manifest says what is built; only --spine (a file that moved), --out, --manifest, --force, --memory, --workers, --explain and --stats may be given", name)
	}
	m, err := offline.ReadManifest(t.rebuild)
	if err != nil {
		return err
	}
	t.before = m
	f, asked := &t.trainFlags, &m.Asked
	f.spineFormat, f.time, f.sample, f.seed = asked.SpineFormat, asked.EventTimestamp, asked.Sample, asked.Seed
	f.partitionBy, f.fileRows, f.format = asked.PartitionBy, asked.FileRows, m.Output.Format
	if asked.FileBytes > 0 {
		f.fileSize = fmt.Sprint(asked.FileBytes)
	}
	f.fromFiles = m.Registry == ""
	switch {
	case asked.AsOf != nil:
		f.asOf = asked.AsOf.String()
	case asked.From != nil && asked.To != nil:
		f.from, f.to = asked.From.String(), asked.To.String()
	case f.spine == "" && m.Spine.Path == "-":
		return usagef("the spine of %s was standard input, which is not kept: give it again with --spine", t.rebuild)
	case f.spine == "":
		f.spine = m.Spine.Path
	}
	if f.service = m.Service; f.service == "" {
		for _, feature := range m.Features {
			f.features = append(f.features, feature.Reference)
		}
	}
	if f.out == "" {
		f.out = rebuiltName(t.rebuild, m)
	}
	return nil
}

// rebuiltName puts .rebuilt before the ending of the training set's name, beside its
// manifest; empty for one that had no name.
func rebuiltName(manifest string, m *offline.Manifest) string {
	if m.Output.Path == "-" {
		return ""
	}
	name := filepath.Base(m.Output.Path)
	ending := filepath.Ext(name)
	return filepath.Join(filepath.Dir(manifest), strings.TrimSuffix(name, ending)+".rebuilt"+ending)
}

// rebuiltDocument is what a second building found.
type rebuiltDocument struct {
	Same     bool              `json:"same"`               // the bytes are those of the first
	Changes  []string          `json:"changes"`            // what is not as it was
	LeftOut  map[string]int    `json:"left_out,omitempty"` // files that have come since, by source
	Manifest *offline.Manifest `json:"manifest"`
	Stats    *workDocument     `json:"stats,omitempty"`
}

func (a *app) printRebuilt(t *training, files *fixedFiles, selection *feature.Selection, shown trainShown) error {
	m := shown.Manifest
	d := rebuiltDocument{Same: m.Output.Digest == t.before.Output.Digest, Changes: m.Changes(t.before), LeftOut: map[string]int{}, Manifest: m, Stats: shown.Stats}
	if d.Changes == nil {
		d.Changes = []string{}
	}
	for source, n := range files.left {
		if n > 0 {
			d.LeftOut[source] = n
		}
	}
	if err := a.print(d, func() error { return a.printText(d.text(t) + a.statsText(d.Stats, selection, t)) }); err != nil {
		return err
	}
	if t.exitCode && !d.Same {
		return errChanges
	}
	return nil
}

func (d *rebuiltDocument) text(t *training) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s built again from %s into %s (%s)\n", plural(int(d.Manifest.Rows), "row", "rows"), t.rebuild, t.to.told(d.Manifest), t.to.manifestTold())
	switch {
	case d.Same:
		b.WriteString("the bytes agree with those of the first\n")
	case t.before.Output.Digest == "":
		b.WriteString("whether the bytes agree is not known: the manifest has no digest of them\n")
	default:
		b.WriteString("the bytes differ from those of the first\n")
	}
	for _, change := range d.Changes {
		fmt.Fprintf(&b, "changed: %s\n", change)
	}
	if !d.Same && len(d.Changes) == 0 {
		b.WriteString("nothing that the manifest tells of has changed: was the output written over, or a file changed under its old digest?\n")
	}
	for _, source := range slices.Sorted(maps.Keys(d.LeftOut)) {
		fmt.Fprintf(&b, "note: source %s has %s that the first did not read; left out\n", source, plural(d.LeftOut[source], "new file", "new files"))
	}
	return b.String()
}
