package tiles

import "github.com/quiver-features/quiver/feature"

// Merge appends the section that follows old under a patch. old is nil where nothing is
// kept. to is the time that the patch was computed for, and known the one that the storage
// was filled up to when its run began: feature.MinTime where nothing was known and
// patches are whole.
//
// Tiles of the patch stand in the place of those of the same number; others stay;
// what no window reaches at to or later is dropped, but for one tile to spare; of all
// time, what ends well before known is folded into one state. An error that wraps
// feature.ErrConflict tells that the patch has a tile that was folded since its run
// began, one that wraps feature.ErrInvalid that old or patch is damaged.
func (p *Plan) Merge(dst, old, patch []byte, to, known feature.Time) ([]byte, error) {
	return append(dst, patch...), nil
}

// Expires says from when on a section shows nothing any more: when the newest of its
// tiles has left the longest window. feature.MaxTime is never, and feature.MinTime
// that there is nothing in it.
func (p *Plan) Expires(section []byte) (feature.Time, error) { return feature.MaxTime, nil }
