package offline

import (
	"context"
	"fmt"
	"sync"

	"github.com/quiver-features/quiver/feature"
)

// counted is a file with one text column whose greatest value is in one row,
// and remembers how many values were asked for at once.
type counted struct {
	rows int
	mu   sync.Mutex
	most int
}

const counted100k = 100_000

func (c *counted) Groups() []int { return []int{c.rows} }

func (c *counted) Times(int, string) (least, greatest feature.Time, ok bool) { return 0, 0, false }

func (c *counted) Scan(context.Context, int, []string, func(int, []*feature.Column) error) error {
	return nil
}

func (c *counted) Gather(_ context.Context, _ int, _ string, rows []int32, dst *feature.Column) error {
	c.mu.Lock()
	c.most = max(c.most, len(rows))
	c.mu.Unlock()
	for _, row := range rows {
		if row == counted100k {
			dst.AppendString("z")
			continue
		}
		dst.AppendString(fmt.Sprintf("a%07d", row%1000))
	}
	return nil
}

func (c *counted) Lacks(string) bool { return false }

func (c *counted) Bytes(int, string) int64 { return 0 }

func (c *counted) Close() error { return nil }
