package definition_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// FuzzLoad holds, for any bytes, that Load ends without a panic, gives either
// definitions or placed problems on one line each, and that what it accepts has
// names that are names and a place for every object.
func FuzzLoad(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) {
		d, err := definition.LoadText("a.yaml", text)
		checkLoaded(t, d, err)
		lookup := func(name string) (string, bool) { return "${" + name + "}", name != "" }
		_, err = definition.LoadProjectText("/p/quiver.yaml", text, "", lookup)
		checkProblems(t, err)
	})
}

// seed adds the files of the loader's tests.
func seed(f *testing.F) {
	f.Helper()
	archives, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name != "want" {
				f.Add(string(file.Data))
			}
		}
	}
	f.Add(facts + flights)
	f.Add("kind: &a entity\nname: *a\n")
	long := strings.Repeat("m", 3000)
	f.Add("kind: &" + long + " entity\nname: *" + long + "\n")
	f.Add("kind: entity\nname: a\nkeys: [{name: k, type: !!binary aW50NjQ=}]\n...\n%TAG ! x\n--- {kind: view}\n")
}

func checkProblems(t *testing.T, err error) {
	t.Helper()
	var ps registry.Problems
	if err != nil && (!errors.As(err, &ps) || !errors.Is(err, feature.ErrInvalid)) {
		t.Fatalf("not problems: %v", err)
	}
	for _, p := range ps {
		if p.File != "" && (p.Line < 1 || p.Column < 1) || p.Message == "" {
			t.Errorf("bad place or message: %+v", p)
		}
		if line := p.Message + p.Hint; strings.ContainsFunc(line, unicode.IsControl) || len(line) > 2000 {
			t.Errorf("not a line for people: %q", line)
		}
	}
}

func checkLoaded(t *testing.T, d *registry.Definitions, err error) {
	t.Helper()
	checkProblems(t, err)
	if err != nil {
		return
	}
	objects := map[string]string{}
	add := func(kind, name string) {
		if err := feature.CheckName(name); err != nil {
			t.Error(err)
		}
		if objects[registry.Path(kind, name)] != "" {
			t.Errorf("%s %s is there twice", kind, name)
		}
		objects[registry.Path(kind, name)] = name
		if at := d.At(kind, name); at.File != "a.yaml" || at.Line < 1 || at.Column < 1 {
			t.Errorf("%s %s is at %v", kind, name, at)
		}
	}
	for _, e := range d.Entities {
		add(registry.KindEntity, e.Name)
		for _, k := range e.Keys {
			if !k.Type.IsKey() {
				t.Errorf("key %s of type %s", k.Name, k.Type)
			}
		}
	}
	for _, s := range d.Sources {
		add(registry.KindSource, s.Name)
	}
	for _, v := range d.Views {
		add(registry.KindView, v.Name)
		if objects[registry.Path(registry.KindSource, v.Source)] == "" || len(v.Features) == 0 {
			t.Errorf("view %s has source %q and %d features", v.Name, v.Source, len(v.Features))
		}
	}
	for _, s := range d.Services {
		add(registry.KindService, s.Name)
		for _, u := range s.Features {
			if objects[registry.Path(registry.KindView, u.View)] == "" {
				t.Errorf("service %s uses view %q", s.Name, u.View)
			}
		}
	}
}
