package redis_test

import (
	"context"
	"testing"

	driver "github.com/redis/go-redis/v9"
)

// TestMain keeps the driver from printing what it returns as errors as well.
func TestMain(m *testing.M) {
	driver.SetLogger(silence{})
	m.Run()
}

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
