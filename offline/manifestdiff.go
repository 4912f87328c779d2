package offline

import (
	"fmt"
)

// Changes names what is not as it was when a training set with the manifest before
// was built: the reasons why one that was built again could differ. Each is one
// line; the order is that of a look for the cause.
func (m *Manifest) Changes(before *Manifest) []string {
	var all []string
	told := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if m.Spine.Digest != before.Spine.Digest {
		told("spine %s changed: it had %d rows and %s, now %d rows and %s", before.Spine.Path, before.Spine.Rows, before.Spine.Digest, m.Spine.Rows, m.Spine.Digest)
	}
	for i := range before.Views {
		for j := range m.Views {
			if m.Views[j].View == before.Views[i].View && m.Views[j].Alias == before.Views[i].Alias {
				all = append(all, changedFiles(&m.Views[j], &before.Views[i])...)
			}
		}
	}
	switch {
	case m.Registry != before.Registry:
		told("registry %s is another: it was %s", name(m.Registry), name(before.Registry))
	case m.Revision != before.Revision:
		told("the registry is at revision %d: it was at %d (views and services are read in the versions of then)", m.Revision, before.Revision)
	}
	if m.Definitions != before.Definitions && before.Definitions != "" {
		told("the definitions of its views or features changed")
	}
	if m.Engine != before.Engine {
		told("Quiver is %s: it was %s", m.Engine, before.Engine)
	}
	return all
}

func name(registry string) string {
	if registry == "" {
		return "(definitions from files)"
	}
	return registry
}

func changedFiles(now, before *ManifestView) []string {
	var all []string
	was := map[string]ManifestFile{}
	for _, f := range before.Files {
		was[f.Path] = f
	}
	for _, f := range now.Files {
		old, ok := was[f.Path]
		delete(was, f.Path)
		switch {
		case !ok:
			all = append(all, fmt.Sprintf("%s of source %s (view %s) is new", f.Path, now.Source, now.View))
		case old.Digest != f.Digest || old.Size != f.Size:
			all = append(all, fmt.Sprintf("%s of source %s (view %s) changed: it had %d bytes, %d rows and was written at %s; now %d bytes, %d rows, %s",
				f.Path, now.Source, now.View, old.Size, old.Rows, old.Modified.Format(timeOfFile), f.Size, f.Rows, f.Modified.Format(timeOfFile)))
		}
	}
	for _, f := range before.Files {
		if _, gone := was[f.Path]; gone {
			all = append(all, fmt.Sprintf("%s of source %s (view %s) is gone", f.Path, now.Source, now.View))
		}
	}
	return all
}

const timeOfFile = "2006-01-02T15:04:05Z07:00"
