package registry_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func TestRecordsThatContradictThemselvesAreTold(t *testing.T) {
	object := func(kind string, version int, spec string) registry.State {
		return registry.State{Objects: []registry.Object{{Kind: kind, Name: "x", Version: version, Spec: json.RawMessage(spec)}}}
	}
	const view, service = registry.KindView, registry.KindService
	pointed := object(view, 1, `{"name":"x","version":1}`)
	pointed.Pointers = []registry.Pointer{{Kind: view, Name: "x", Current: 1, Defined: 2}}
	strange := registry.State{Pointers: []registry.Pointer{{Kind: registry.KindEntity, Name: "x", Current: 1}}}
	stored := object(view, 1, `{"name":"x","version":1}`)
	stored.Storages = []feature.Storage{{ID: 7, View: "x", Version: 2}}
	for name, test := range map[string]struct {
		state registry.State
		text  string
	}{
		"no JSON":                    {object(registry.KindEntity, 0, `{"name":`), "record of entity x can't be read"},
		"another type":               {object(view, 3, `[]`), "record of view x@3 can't be read"},
		"an unknown kind":            {object("job", 0, `{}`), `holds a "job", which this version of Quiver does not know`},
		"an output of a use beyond":  {object(service, 2, `{"name":"x","uses":[{"view":"v"}],"outputs":[{"use":1,"feature":"f","name":"f"}]}`), "record of service x@2 contradicts itself"},
		"an output of a use before":  {object(service, 2, `{"name":"x","uses":[{"view":"v"}],"outputs":[{"use":-1,"feature":"f","name":"f"}]}`), "record of service x@2 contradicts itself"},
		"a key of no column":         {object(view, 1, `{"name":"x","keys":[{"name":"k","type":"string"}]}`), "record of view x@1 contradicts itself"},
		"a pointer at nothing":       {pointed, "points view x at versions 1 and 2, and does not hold them"},
		"a pointer without versions": {strange, "points entity x at versions 1 and 0"},
		"a storage of nothing":       {stored, "holds storage 7 of x@2, but not that view"},
	} {
		if _, err := registry.NewSnapshot(test.state); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: got %v, want one that says %q", name, err, test.text)
		}
	}
}
