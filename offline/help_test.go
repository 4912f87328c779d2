package offline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// parse reads a case in the language of offlinetest.
func parse(t testing.TB, script string) *offlinetest.Case {
	t.Helper()
	if !strings.Contains(script, "rule ") {
		script = "rule the latest wins\n" + script
	}
	c, err := offlinetest.Parse(t.Name(), script)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// big makes a case of n source rows in files and row groups, and as many spine
// rows, over a number of keys and few times, so that full ties are common. The
// same arguments give the same case.
func big(t testing.TB, n, keys, files int) *offlinetest.Case {
	t.Helper()
	c := parse(t, `
source s
  k int64 | at event | v float64 | name string
  1 | 10:00 | 1 | a
view last
  keys k
  ttl 20s
  features v, name
join
  k int64 | at event => last__v | last__name
  1 | 10:00 => 1 | a
`)
	r := rand.New(rand.NewPCG(uint64(n), uint64(keys)))
	column := func(name string, k feature.Kind) offlinetest.Column {
		return offlinetest.Column{Name: name, Values: feature.NewColumn(feature.Scalar(k), 0)}
	}
	c.Sources[0].Files = nil
	for f := range files {
		columns := []offlinetest.Column{
			column("k", feature.Int64), column("at", feature.Timestamp), column("v", feature.Float64), column("name", feature.String),
		}
		rows := n / files
		if f == 0 {
			rows += n % files
		}
		for range rows {
			columns[0].Values.AppendInt64(int64(r.IntN(keys)))
			columns[1].Values.AppendInt64(int64(r.IntN(30)) * int64(feature.Second))
			columns[2].Values.AppendFloat64(float64(r.IntN(5)))
			columns[3].Values.AppendString(fmt.Sprint("n", r.IntN(3)))
		}
		c.Sources[0].Files = append(c.Sources[0].Files, offlinetest.File{
			Name: fmt.Sprintf("s/%03d.parquet", f), Columns: columns, Groups: []int{rows / 3, rows - rows/3},
		})
	}
	c.Spine = []offlinetest.Column{column("k", feature.Int64), column("at", feature.Timestamp)}
	for range n {
		c.Spine[0].Values.AppendInt64(int64(r.IntN(keys + keys/10)))
		c.Spine[1].Values.AppendInt64(int64(r.IntN(40)) * int64(feature.Second))
	}
	return c
}
