package offline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

// Manifest tells how a training set came about: enough to build it again and to
// say what changed since. It is written beside the training set.
type Manifest struct {
	Format         int               `json:"format"`            // of the manifest: 1
	Registry       string            `json:"registry,omitzero"` // its ID; empty: definitions that were not applied
	Revision       int64             `json:"revision"`
	Definitions    string            `json:"definitions,omitzero"` // digest of the views and the outputs, with everything looked up
	Service        string            `json:"service,omitzero"`     // with its version; empty for a list of references
	Engine         string            `json:"engine"`               // version of Quiver
	Created        time.Time         `json:"created"`
	EventTimestamp string            `json:"event_timestamp"` // the spine's time column
	Rows           int64             `json:"rows"`
	Asked          ManifestAsked     `json:"asked,omitzero"`
	Output         ManifestOutput    `json:"output"`
	Spine          ManifestFile      `json:"spine"`
	Views          []ManifestView    `json:"views"`
	Features       []ManifestFeature `json:"features"`
}

// ManifestAsked is what a training set's rows were taken from, and how they were
// written, as far as it was asked for.
type ManifestAsked struct {
	From           *feature.Time `json:"from,omitempty"` // of a range in place of a spine
	To             *feature.Time `json:"to,omitempty"`
	AsOf           *feature.Time `json:"as_of,omitempty"` // of a snapshot in place of a spine
	SpineFormat    string        `json:"spine_format,omitzero"`
	EventTimestamp string        `json:"event_timestamp,omitzero"`
	Sample         string        `json:"sample,omitzero"`
	Seed           uint64        `json:"seed,omitzero"`
	PartitionBy    []string      `json:"partition_by,omitempty"`
	FileRows       int64         `json:"file_rows,omitzero"`
	FileBytes      int64         `json:"file_bytes,omitzero"`
}

// ManifestOutput is what was written: a file, or a folder of files.
type ManifestOutput struct {
	Path   string `json:"path"`             // "-": standard output
	Format string `json:"format"`           // parquet, csv, arrow, arrow-stream
	Digest string `json:"digest,omitempty"` // "sha256:" and the hex of all bytes' hash, for a folder of its files' digests and names; empty: not known
	// Columns are the types of columns where the format does not tell them, as far as they
	// are known: by them a file of text is read as it was meant.
	Columns map[string]feature.Type `json:"columns,omitempty"`
	// Files are those of a folder, in the order of their paths.
	Files []ManifestPart `json:"files,omitempty"`
}

// ManifestPart is one file of a folder that was written.
type ManifestPart struct {
	Path   string `json:"path"` // below the folder, with slashes
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"`
}

// ManifestFile is a file that was read.
type ManifestFile struct {
	Path     string    `json:"path"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Digest   string    `json:"digest"`
	Rows     int64     `json:"rows"`
}

// ManifestView is a view as the training set uses it.
type ManifestView struct {
	View     string            `json:"view"` // with its version
	Alias    string            `json:"alias"`
	Keys     map[string]string `json:"keys,omitempty"` // join key: the spine's column
	Source   string            `json:"source"`
	Files    []ManifestFile    `json:"files"`
	Matched  int64             `json:"matched"`   // rows for which a source row was visible
	Ties     int64             `json:"ties"`      // rows with values settled among source rows in full tie
	SameTime int64             `json:"same_time"` // rows that show a source row of their own instant
	// CreatedAfter is rows that show a source row created after their time.
	CreatedAfter int64 `json:"created_after"`
	// The shares of the rows that these are.
	TieRate          float64 `json:"tie_rate"`
	SameTimeRate     float64 `json:"same_time_rate"`
	CreatedAfterRate float64 `json:"created_after_rate"`
	// Failed are derived columns of the source that could not be computed for some of the
	// rows that were scanned.
	Failed []feature.ColumnFailures `json:"failed,omitempty"`
}

// ManifestFeature is one output column that the engine joined.
type ManifestFeature struct {
	Name      string       `json:"name"`
	Reference string       `json:"reference"` // view@version:feature; service@version:feature where the service derives it
	Type      feature.Type `json:"type"`
	MatchRate float64      `json:"match_rate"`          // share of the rows for which the view, or all views that it is derived of, had a visible row
	NullRate  float64      `json:"null_rate"`           // share of the rows in which it is null
	ErrorRate float64      `json:"error_rate,omitzero"` // share of the rows in which it is null because its expression could not be computed
}

// Origin is what a manifest says beside what the engine knows.
type Origin struct {
	Registry string    // its ID; empty: definitions that were not applied
	Engine   string    // version of Quiver
	Created  time.Time // wall clock
	Asked    ManifestAsked
	Output   ManifestOutput
}

// NewManifest writes down how the result of a request came about.
func NewManifest(req Request, res *Result, origin Origin) *Manifest {
	sel := req.Selection
	m := &Manifest{
		Format: 1, Registry: origin.Registry, Revision: sel.Revision, Service: sel.Service,
		Engine: origin.Engine, Created: origin.Created.UTC(), EventTimestamp: res.EventTimestamp,
		Rows: res.Rows, Asked: origin.Asked, Output: origin.Output, Spine: manifestFile(res.Spine),
		Definitions: definitionsDigest(sel),
		Views:       []ManifestView{}, Features: []ManifestFeature{},
	}
	for i, v := range res.Views {
		use := &sel.Uses[i]
		mv := ManifestView{
			View: v.View, Alias: v.Alias, Source: use.View.Table.Source,
			Files: []ManifestFile{}, Failed: v.Failed, Matched: v.Matched, Ties: v.Ties, SameTime: v.SameTime, CreatedAfter: v.CreatedAfter,
			TieRate: share(v.Ties, res.Rows), SameTimeRate: share(v.SameTime, res.Rows), CreatedAfterRate: share(v.CreatedAfter, res.Rows),
		}
		for k, key := range use.View.Keys {
			if mv.Keys == nil {
				mv.Keys = map[string]string{}
			}
			mv.Keys[key.Name] = use.Keys[k]
		}
		for _, f := range v.Files {
			mv.Files = append(mv.Files, manifestFile(f))
		}
		m.Views = append(m.Views, mv)
	}
	for i, f := range res.Features {
		out, of, matched := sel.Outputs[i], sel.Service, f.Matched
		if out.Use != feature.DerivedOutput {
			of, matched = sel.Uses[out.Use].View.ID(), res.Views[out.Use].Matched
		}
		field := sel.Field(out)
		m.Features = append(m.Features, ManifestFeature{
			Name: f.Name, Reference: of + ":" + field.Name, Type: field.Type,
			MatchRate: share(matched, res.Rows), NullRate: share(f.Nulls, res.Rows), ErrorRate: share(f.Errors, res.Rows),
		})
	}
	return m
}

func manifestFile(f feature.File) ManifestFile {
	return ManifestFile{Path: f.Path, Size: f.Size, Modified: time.Unix(0, f.Modified).UTC(), Digest: f.Digest, Rows: f.Rows}
}

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// definitionsDigest is of what decides the values: the views with their sources
// and rules, what the service derives of what inputs, and the outputs.
func definitionsDigest(sel *feature.Selection) string {
	type use struct {
		View  *feature.ViewVersion
		Alias string
		Keys  []string
	}
	all := struct {
		Uses    []use
		Outputs []feature.Output
		Inputs  []feature.Input `json:",omitempty"`
		Derived []feature.Field `json:",omitempty"`
	}{Outputs: sel.Outputs, Inputs: sel.Inputs, Derived: undescribed(sel.Derived)}
	for i := range sel.Uses {
		u := &sel.Uses[i]
		view := *u.View
		view.Meta = feature.Meta{Name: view.Name} // descriptions and owners change no value
		view.Schedule, view.MaxStaleness, view.Online = "", 0, false
		view.Features = undescribed(view.Features)
		all.Uses = append(all.Uses, use{&view, u.Alias, u.Keys})
	}
	text, err := json.Marshal(all)
	if err != nil { // definitions came from JSON or YAML: they go back
		return ""
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:16])
}

func undescribed(fields []feature.Field) []feature.Field {
	fields = slices.Clone(fields)
	for f := range fields {
		fields[f].Description = ""
	}
	return fields
}

// DigestFolder gives the digest of a folder whose files have these.
func DigestFolder(files []ManifestPart) string {
	h := sha256.New()
	for _, f := range files {
		_, _ = fmt.Fprintf(h, "%s  %q\n", f.Digest, f.Path) // a hash takes everything
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// DigestFile gives the digest of a training set's file, as ManifestOutput holds
// it: "sha256:" and the hash of all its bytes in hex.
func DigestFile(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the caller names the file to read
	if err != nil {
		return "", fmt.Errorf("offline: the digest of %s can't be computed: %w", path, manifestError(path, err))
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("offline: the digest of %s can't be computed: %w: %w", path, err, feature.ErrUnavailable)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

// ManifestPath is where the manifest of a training set stands: beside it.
func ManifestPath(output string) string { return output + ".manifest.json" }

// StagedManifest is a manifest whose place is taken before there is anything to
// write: what would keep it from being written is known before the work that it
// describes. Nothing stands under its name until Commit. It is not safe for
// concurrent use.
type StagedManifest struct {
	path string
	file *atomicfile.File
}

// StageManifest begins a manifest at path. One that is there already is an error
// that wraps feature.ErrConflict, unless force allows to replace it; a folder that
// is not there wraps feature.ErrNotFound, one that can't be written in
// feature.ErrInvalid. Commit or Abort has to follow.
func StageManifest(path string, force bool) (*StagedManifest, error) {
	file, err := atomicfile.Create(path, force)
	if err != nil {
		return nil, fmt.Errorf("offline: manifest: %w", err)
	}
	return &StagedManifest{path: path, file: file}, nil
}

// Commit writes the manifest, whole or not at all, with the mode and the care of
// outputs: it is on the disk when Commit returns. Whatever fails, nothing is left
// behind.
func (s *StagedManifest) Commit(m *Manifest) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return errors.Join(fmt.Errorf("offline: manifest %s: %w: %w", s.path, err, feature.ErrInvalid), s.Abort())
	}
	if _, err := s.file.Write(append(text, '\n')); err != nil {
		return errors.Join(fmt.Errorf("offline: manifest: %w", err), s.Abort())
	}
	if err := s.file.Commit(); err != nil {
		return fmt.Errorf("offline: manifest: %w", err)
	}
	return nil
}

// Abort gives the place up. After Commit or Abort it does nothing.
func (s *StagedManifest) Abort() error {
	if err := s.file.Abort(); err != nil {
		return fmt.Errorf("offline: manifest: %w", err)
	}
	return nil
}

// manifestError gives an error of opening a file a kind.
func manifestError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: check the path: %w: %w", path, fs.ErrNotExist, feature.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read: check its permissions: %w", path, feature.ErrInvalid)
	}
	return fmt.Errorf("%s can't be read: %w: %w", path, err, feature.ErrUnavailable)
}

// ReadManifest reads a manifest that was written. What is no manifest is an error
// that wraps feature.ErrInvalid; none, one that wraps feature.ErrNotFound.
func ReadManifest(path string) (*Manifest, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the caller names the file to read
	if err != nil {
		return nil, manifestError(path, err)
	}
	m := &Manifest{}
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("offline: %s is no manifest of a training set: %w: %w", path, err, feature.ErrInvalid)
	}
	if m.Format != 1 {
		return nil, fmt.Errorf("offline: manifest %s has format %d, this version of Quiver reads format 1: %w", path, m.Format, feature.ErrInvalid)
	}
	return m, nil
}
