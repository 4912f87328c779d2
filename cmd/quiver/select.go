package main

import (
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// wanted is what --service and --features name: one of the two.
type wanted struct {
	service string
	version int // 0: the current one
	refs    []feature.Reference
}

func parseWanted(service string, features []string) (wanted, error) {
	if (service == "") == (len(features) == 0) {
		return wanted{}, usagef("name either a service with --service or features with --features")
	}
	w := wanted{refs: make([]feature.Reference, len(features))}
	var err error
	if service != "" {
		if w.service, w.version, err = feature.ParseVersioned(service); err != nil {
			return wanted{}, usagef("--service: %w", err)
		}
	}
	for i, text := range features {
		if w.refs[i], err = feature.ParseReference(strings.TrimSpace(text)); err != nil {
			return wanted{}, usagef("--features: %w", err)
		}
	}
	return w, nil
}

// from looks the features up.
func (w wanted) from(s *registry.Snapshot) (*feature.Selection, error) {
	if w.service != "" {
		return s.Service(w.service, w.version)
	}
	return s.Select(w.refs)
}
