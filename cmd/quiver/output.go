package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/atomicfile"
	"github.com/quiver-features/quiver/offline/ipc"
	"github.com/quiver-features/quiver/offline/parquet"
)

// keepInputs refuses an output that would replace, itself or by its manifest, the
// spine or a source file that is read.
func (p *project) keepInputs(ctx context.Context, out, spine string, selection *feature.Selection) error {
	for _, written := range []string{out, offline.ManifestPath(out)} {
		if sameFile(written, spine) {
			return usagef("output %s is the spine: name another output", written)
		}
	}
	for i := range selection.Uses {
		view := selection.Uses[i].View
		files, err := p.files.List(ctx, &view.Table)
		if err != nil {
			return err
		}
		for _, f := range files {
			path := f.Path
			if !filepath.IsAbs(path) {
				path = filepath.Join(p.Data.Value, path)
			}
			for _, written := range []string{out, offline.ManifestPath(out)} {
				if sameFile(written, path) {
					return usagef("output %s is a file of source %s, which view %s reads: name another output", written, view.Table.Source, view.ID())
				}
			}
		}
	}
	return nil
}

// sameFile tells whether two paths lead to one file, or would if it were there.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	second, other := os.Stat(b)
	if err == nil && other == nil {
		return os.SameFile(first, second)
	}
	a, err = filepath.Abs(a)
	b, other = filepath.Abs(b)
	return err == nil && other == nil && a == b
}

// trainingSet is a training set on its way to its place: the output and its
// manifest, which come together or not at all.
type trainingSet struct {
	path, format string
	force        bool
	manifest     *offline.StagedManifest
	old          string // a second name of the output that is replaced; empty: there is none
}

// stageTrainingSet finds out, before there is work, whether both can be written.
// The caller calls close.
func stageTrainingSet(path, format string, force bool) (*trainingSet, error) {
	probe, err := atomicfile.Create(path, force)
	if err != nil {
		return nil, err
	}
	if err := probe.Abort(); err != nil {
		return nil, err
	}
	manifest, err := offline.StageManifest(offline.ManifestPath(path), force)
	if err != nil {
		return nil, err
	}
	return &trainingSet{path: path, format: format, force: force, manifest: manifest}, nil
}

// create begins the output.
func (t *trainingSet) create(schema *arrow.Schema) (offline.Output, error) {
	var out offline.Output
	var err error
	if t.format == "arrow" {
		out, err = ipc.Create(t.path, schema, ipc.Options{Force: t.force})
	} else {
		out, err = parquet.Create(t.path, schema, parquet.Options{Force: t.force})
	}
	if err != nil {
		return nil, err
	}
	return &keptOutput{Output: out, set: t}, nil
}

// keptOutput keeps the output that it replaces until the manifest is there, too.
type keptOutput struct {
	offline.Output
	set *trainingSet
}

// Commit implements offline.Output.
func (o *keptOutput) Commit() error {
	if err := o.set.keepOld(); err != nil {
		return errors.Join(err, o.Abort())
	}
	return o.Output.Commit()
}

// keepOld gives the output that is replaced a second, hidden name.
func (t *trainingSet) keepOld() error {
	if _, err := os.Stat(t.path); !t.force || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	dir, name := filepath.Split(t.path)
	old := filepath.Join(dir, fmt.Sprintf(".%s.old-%d", name, os.Getpid()))
	if err := errors.Join(removeOld(old), os.Link(t.path, old)); err != nil {
		return fmt.Errorf("the old %s can't be kept until the new one is whole: remove it, or name another output: %w", t.path, err)
	}
	t.old = old
	return nil
}

// finish writes the manifest of an output that is in its place. Where that fails
// the output goes, and the one that it has replaced comes back.
func (t *trainingSet) finish(request offline.Request, result *offline.Result, origin offline.Origin) (*offline.Manifest, error) {
	digest, err := offline.DigestFile(t.path)
	if err == nil {
		origin.Output = offline.ManifestOutput{Path: t.path, Format: t.format, Digest: digest}
		manifest := offline.NewManifest(request, result, origin)
		if err = t.manifest.Commit(manifest); err == nil {
			return manifest, nil
		}
	}
	err = fmt.Errorf("the manifest of %s can't be written, and no training set is left without one: %w", t.path, err)
	if t.old == "" {
		return nil, errors.Join(err, os.Remove(t.path))
	}
	return nil, errors.Join(err, os.Rename(t.old, t.path))
}

// close gives up what was not finished.
func (t *trainingSet) close() error {
	err := t.manifest.Abort()
	if t.old != "" {
		err = errors.Join(err, removeOld(t.old))
	}
	return err
}

func removeOld(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
