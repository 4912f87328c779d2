package online_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
)

// recorder is a store that keeps copies of what it is given.
type recorder struct {
	online.Store
	calls [][]online.Row
	err   error
}

func (r *recorder) Put(_ context.Context, _ *online.Layout, rows []online.Row) (online.PutResult, error) {
	var result online.PutResult
	var call []online.Row
	for _, row := range rows {
		call = append(call, online.Row{Key: bytes.Clone(row.Key), Value: bytes.Clone(row.Value), Expires: row.Expires})
		result.Written++
		result.Bytes += len(row.Key) + len(row.Value)
	}
	r.calls = append(r.calls, call)
	return result, r.err
}

func TestTheSinkWritesBoundedCallsOfTheRowsThatAreNotExpired(t *testing.T) {
	const ttl = feature.Hour
	load := onlinetest.NewLoad(3, ttl)
	batch := load.Batches(10_000, 10_000, onlinetest.Now)[0]
	// The edge: a row may be forgotten from its expiry on.
	batch.Event[7] = onlinetest.Now.Add(-ttl - online.Grace)
	batch.Event[8] = batch.Event[7] + 1
	batch.Event[9] = batch.Event[7] - 1
	store := &recorder{}
	result, err := online.NewSink(store).Write(t.Context(), load.Storage, load.View, batch, feature.Origin{Now: onlinetest.Now})
	if err != nil {
		t.Fatal(err)
	}
	l := newLayout(t, load.Storage)
	i, size, largest := 0, int64(0), 0
	for _, call := range store.calls {
		if len(call) > 4096 {
			t.Errorf("a call of %d rows", len(call))
		}
		for _, row := range call {
			if i == 7 {
				i++
			}
			if i == 9 {
				i++
			}
			if !bytes.Equal(row.Key, l.AppendKey(nil, batch.Keys, i)) || !bytes.Equal(row.Value, l.AppendRow(nil, batch, i)) ||
				row.Expires != batch.Event[i].Add(ttl+online.Grace) {
				t.Fatalf("row %d is not what was given", i)
			}
			size += int64(len(row.Key) + len(row.Value))
			largest = max(largest, len(row.Value))
			i++
		}
	}
	if want := (feature.WriteResult{Written: 9998, Expired: 2, Bytes: size, Largest: largest}); i != 10_000 || result != want {
		t.Errorf("after row %d: got %+v, want %+v", i, result, want)
	}
}

func TestTheSinkPutsFeaturesIntoTheOrderOfTheirNames(t *testing.T) {
	str, num := feature.Scalar(feature.String), feature.Scalar(feature.Int64)
	view := &feature.ViewVersion{Meta: feature.Meta{Name: "v"}, Version: 1, Features: []feature.Field{{Name: "z", Type: num}, {Name: "a", Type: str}}}
	storage := &feature.Storage{ID: 1, View: "v", Version: 1, Features: []feature.Field{{Name: "a", Type: str}, {Name: "z", Type: num}}}
	batch := &feature.Batch{Rows: 1, Event: []feature.Time{5}, Features: []*feature.Column{feature.NewColumn(num, 1), feature.NewColumn(str, 1)}}
	batch.Features[0].AppendInt64(42)
	batch.Features[1].AppendString("text")
	store := &recorder{}
	if _, err := online.NewSink(store).Write(t.Context(), storage, view, batch, feature.Origin{Now: 5}); err != nil {
		t.Fatal(err)
	}
	into := []*feature.Column{feature.NewColumn(str, 1), feature.NewColumn(num, 1)}
	if _, err := newLayout(t, storage).Decode(store.calls[0][0].Value, into); err != nil {
		t.Fatal(err)
	}
	if string(into[0].Bytes(0)) != "text" || into[1].Int64s[0] != 42 {
		t.Errorf("got %q and %d", into[0].Bytes(0), into[1].Int64s[0])
	}
}

func TestTheSinkRefusesABatchThatIsNotOfTheStorage(t *testing.T) {
	load := onlinetest.NewLoad(3, 0)
	for name, spoil := range map[string]func(*feature.Batch){
		"times":        func(b *feature.Batch) { b.Event = b.Event[:1] },
		"join keys":    func(b *feature.Batch) { b.Keys = nil },
		"join key id":  func(b *feature.Batch) { b.Keys[0] = feature.NewColumn(feature.Scalar(feature.String), 0) },
		"null in row":  func(b *feature.Batch) { b.Keys[0] = feature.NullColumn(feature.Scalar(feature.Int64), b.Rows) },
		"timestamps":   func(b *feature.Batch) { b.Available = b.Event },
		"feature f3":   func(b *feature.Batch) { b.Features[3] = feature.NullColumn(feature.Scalar(feature.Int64), b.Rows) },
		"9 features":   func(b *feature.Batch) { b.Features = b.Features[:9] },
		"feature f9: ": func(b *feature.Batch) { b.Features[9] = feature.NewColumn(feature.Scalar(feature.Float64), 0) },
	} {
		batch := load.Batches(5, 5, 1)[0]
		spoil(batch)
		store := &recorder{}
		_, err := online.NewSink(store).Write(t.Context(), load.Storage, load.View, batch, feature.Origin{Now: 1})
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got error %v", name, err)
		}
		if len(store.calls) != 0 {
			t.Errorf("%s: something was written", name)
		}
	}
}

func TestAnErrorOfTheStoreEndsTheWrite(t *testing.T) {
	load := onlinetest.NewLoad(3, 0)
	store := &recorder{err: feature.ErrUnavailable}
	_, err := online.NewSink(store).Write(t.Context(), load.Storage, load.View, load.Batches(10_000, 10_000, 1)[0], feature.Origin{Now: 1})
	if !errors.Is(err, feature.ErrUnavailable) || len(store.calls) != 1 {
		t.Errorf("got %v after %d calls, want unavailable after one", err, len(store.calls))
	}
}
