package parquet

import (
	"bytes"
	"runtime"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A few bytes may ask for any memory: bytes that repeat, and a frame of zstd that
// claims 64 GiB in its head.
func TestDecompressionTakesOnlyTheMemoryThatIsExpected(t *testing.T) {
	long := bytes.Repeat([]byte("quiver"), 8<<20)
	for _, codec := range []format.CompressionCodec{format.Snappy, format.Gzip, format.Brotli, format.Zstd, format.Lz4Raw} {
		t.Run(codec.String(), func(t *testing.T) {
			packed, err := pq.LookupCompressionCodec(codec).Encode(nil, long)
			if err != nil {
				t.Fatal(err)
			}
			inputs := map[string][]byte{"a bomb": packed, "cut": packed[:len(packed)/2], "none": {}}
			if codec == format.Zstd {
				inputs["a claim"] = []byte{0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 16, 0, 0, 0, 1, 0, 0}
				short, err := pq.Zstd.Encode(nil, long[:6])
				if err != nil {
					t.Fatal(err)
				}
				inputs["a claim behind a frame"] = append(short, inputs["a claim"]...)
			}
			decompress, err := new(codecs).of(codec)
			if err != nil {
				t.Fatal(err)
			}
			if more, err := pq.LookupCompressionCodec(codec).Encode(nil, long[:7]); err != nil || decompress(make([]byte, 6, 6+copyAhead), more) == nil {
				t.Errorf("seven bytes are six where there is room for more behind them (%v)", err)
			}
			got := make([]byte, len(long))
			for range 4 { // what an error left behind must not harm the next page
				if err := decompress(got, packed); err != nil || !bytes.Equal(got, long) {
					t.Fatalf("the bytes are not what was compressed: %v", err)
				}
				for name, input := range inputs {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					err := decompress(make([]byte, 1000), input)
					runtime.ReadMemStats(&after)
					if err == nil {
						t.Errorf("%s: 1000 bytes were given", name)
					}
					most := uint64(4 << 20)
					if codec == format.Brotli {
						most = 32 << 20 // its window, of at most 16 MiB
					}
					if took := after.TotalAlloc - before.TotalAlloc; took > most {
						t.Errorf("%s took %d bytes of memory", name, took)
					}
				}
			}
		})
	}
}
