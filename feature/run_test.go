package feature_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
)

func TestAWatermarkHasATimeOnceARunHasLedToOne(t *testing.T) {
	for name, c := range map[string]struct {
		mark  feature.Watermark
		at    feature.Time
		ok    bool
		holds bool
	}{
		"nothing ever began":       {feature.Watermark{Time: 5}, 0, false, false},
		"a first run has begun":    {feature.Watermark{Known: true, Time: minT, Run: 1}, 0, false, false},
		"a run is done":            {feature.Watermark{Known: true, Time: -5, Run: 1}, -5, true, true},
		"at the epoch":             {feature.Watermark{Known: true, Run: 1}, 0, true, true},
		"values may be lost since": {feature.Watermark{Known: true, Time: 5, Run: 1, Lost: true}, 5, true, false},
	} {
		if at, ok := c.mark.At(); at != c.at || ok != c.ok || c.mark.Holds() != c.holds {
			t.Errorf("%s: At() = %d, %v, Holds() = %v, want %d, %v, %v", name, at, ok, c.mark.Holds(), c.at, c.ok, c.holds)
		}
	}
}

// 2001-06-30T12:00:00Z
const runTo = feature.Time(993_902_400_000_000)

// Records of runs are kept in registries: those of earlier releases must be read
// as they were meant.
func TestTheRecordOfARunKeepsItsForm(t *testing.T) {
	golden, err := os.ReadFile(filepath.Join("..", "proto", "testdata", "run.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := feature.Run{
		Number: 7, View: "route_last", Version: 2, Storage: 3, State: feature.RunFailed,
		From: minT, To: runTo, Started: runTo + 1, Beat: runTo + 2, Finished: runTo + 3,
		Rows: 10, Keys: 9, Written: 8, Skipped: 7, Expired: 6, Ties: 5, Bytes: 4,
		Files: []feature.File{
			{Path: "flights/a.parquet", Size: 100, Modified: -1, Digest: "sha256:00ff", Rows: 10, Scanned: true, MinVisible: 1, MaxVisible: runTo},
			{Path: "/srv/b.parquet"},
		},
		Checkpoint: 3, Since: 6, Error: "the disk is full", Who: "ann",
	}
	var got feature.Run
	if err := json.Unmarshal(golden, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	written, err := json.Marshal(&want)
	if err != nil {
		t.Fatal(err)
	}
	var short bytes.Buffer
	if err := json.Compact(&short, golden); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(short.String(), string(written)); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
}

func TestAnErrorHasAtMostOneKind(t *testing.T) {
	for _, kind := range []error{feature.ErrInvalid, feature.ErrNotFound, feature.ErrConflict, feature.ErrUnavailable, feature.ErrTooLarge} {
		if got := feature.ErrorKind(fmt.Errorf("a: %w", fmt.Errorf("b: %w: %w", errors.ErrUnsupported, kind))); got != kind { //nolint:errorlint // the kind itself is given
			t.Errorf("ErrorKind of a wrapped %q: %v", kind, got)
		}
	}
	for _, err := range []error{nil, errors.New("invalid")} {
		if got := feature.ErrorKind(err); got != nil {
			t.Errorf("ErrorKind(%v) = %v, want none", err, got)
		}
	}
}

func TestIntegerKeysOfAnyWidthAreTheSame(t *testing.T) {
	for _, c := range []struct {
		a, b feature.Type
		want bool
	}{
		{feature.Scalar(feature.Int32), feature.Scalar(feature.Int64), true},
		{feature.Scalar(feature.String), feature.Scalar(feature.String), true},
		{feature.Scalar(feature.String), feature.Scalar(feature.Bytes), false},
		{feature.Scalar(feature.Int64), feature.Scalar(feature.Timestamp), false},
		{feature.Scalar(feature.Int32), feature.Scalar(feature.Date), false},
		{feature.Scalar(feature.Int64), feature.ListOf(feature.Int32, 0), false},
	} {
		if got, back := c.a.SameKey(c.b), c.b.SameKey(c.a); got != c.want || back != c.want {
			t.Errorf("%s and %s: %v, %v, want %v", c.a, c.b, got, back, c.want)
		}
	}
}
