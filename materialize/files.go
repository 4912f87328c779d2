package materialize

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// Changes compares the files of a source with those that a storage was filled
// from.
type Changes struct {
	Same    []feature.File
	New     []feature.File
	Changed []feature.File // as they are now
	Removed []feature.File // as they were
}

// Unread gives the files that the next run reads whole.
func (c Changes) Unread() []feature.File {
	return append(append([]feature.File{}, c.New...), c.Changed...)
}

// gone adds the files that changed or were removed to those of earlier runs, each
// once, in the order of their paths.
func (c Changes) gone(before []string) []string {
	all := slices.Clone(before)
	for _, f := range slices.Concat(c.Changed, c.Removed) {
		all = append(all, f.Path)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// same tells whether two listings show one unchanged file. The modification time
// counts because the digest is only the footer's.
func same(a, b feature.File) bool {
	return a.Path == b.Path && a.Size == b.Size && a.Modified == b.Modified && a.Digest == b.Digest
}

func byPath(files []feature.File) map[string]feature.File {
	m := make(map[string]feature.File, len(files))
	for _, f := range files {
		m[f.Path] = f
	}
	return m
}

func compareFiles(before, now []feature.File) Changes {
	var c Changes
	old := byPath(before)
	for _, f := range now {
		was, known := old[f.Path]
		delete(old, f.Path)
		switch {
		case !known:
			c.New = append(c.New, f)
		case same(was, f):
			c.Same = append(c.Same, was)
		default:
			c.Changed = append(c.Changed, f)
		}
	}
	for _, f := range before {
		if _, left := old[f.Path]; left {
			c.Removed = append(c.Removed, f)
		}
	}
	return c
}

// sameFiles tells whether every file of a killed run still stands as it was;
// files that came since are left for the next run.
func sameFiles(killed, now []feature.File) bool {
	current := byPath(now)
	for _, f := range killed {
		if !same(f, current[f.Path]) {
			return false
		}
	}
	return true
}

// carry gives the files of a new run: those that stand now, with what earlier
// runs learnt of the unchanged ones.
func carry(before, now []feature.File) []feature.File {
	old := byPath(before)
	files := make([]feature.File, len(now))
	for i, f := range now {
		files[i] = f
		files[i].Scanned, files[i].MinVisible, files[i].MaxVisible = false, 0, 0
		if was, known := old[f.Path]; known && same(was, f) {
			files[i] = was
		}
	}
	return files
}

// scansOf says what a run reads: files that were read before only for the rows
// that became visible since, all others whole, and none that cannot matter.
func scansOf(run feature.Run) []feature.Scan {
	var scans []feature.Scan
	for _, f := range run.Files {
		switch {
		case !f.Scanned || run.From == feature.MinTime:
			scans = append(scans, feature.Scan{File: f, All: true})
		case f.MinVisible > f.MaxVisible || f.MaxVisible <= run.From || f.MinVisible > run.To:
			continue
		default:
			scans = append(scans, feature.Scan{File: f, After: run.From})
		}
	}
	return scans
}

// learn copies what a pass found of the files that it read whole.
func learn(files, found []feature.File) {
	read := byPath(found)
	for i := range files {
		if f, ok := read[files[i].Path]; ok && f.Scanned && !files[i].Scanned {
			files[i].Scanned, files[i].MinVisible, files[i].MaxVisible = true, f.MinVisible, f.MaxVisible
		}
	}
}
