package registry

import "maps"

// Preview gives the registry as it would be after the plan, with every version that
// the files describe promoted: for training sets from definitions that are not
// applied. base is what the plan was made on; the preview has its revision, and no
// storages of what the plan changes.
func (p *Plan) Preview(base *Snapshot) (*Snapshot, error) {
	s := &Snapshot{
		identity: base.identity, head: base.head,
		entities: maps.Clone(base.entities), sources: maps.Clone(base.sources),
		views: cloneVersioned(base.views), services: cloneVersioned(base.services),
		storages: base.storages,
	}
	for i := range p.write.Objects {
		o := &p.write.Objects[i]
		if o.Spec == nil && o.Kind == KindEntity {
			delete(s.entities, o.Name)
		}
		if o.Spec == nil && o.Kind == KindSource {
			delete(s.sources, o.Name)
		}
		if err := s.addObject(o); err != nil {
			return nil, err
		}
	}
	for _, pointer := range p.write.Pointers {
		if err := s.addPointer(pointer); err != nil {
			return nil, err
		}
	}
	promoteAll(s.views)
	promoteAll(s.services)
	return s, nil
}

func cloneVersioned[T any](all map[string]*versioned[T]) map[string]*versioned[T] {
	c := make(map[string]*versioned[T], len(all))
	for name, v := range all {
		c[name] = &versioned[T]{pointer: v.pointer, versions: maps.Clone(v.versions)}
	}
	return c
}

func promoteAll[T any](all map[string]*versioned[T]) {
	for _, v := range all {
		v.pointer.Current = v.pointer.Defined
	}
}
