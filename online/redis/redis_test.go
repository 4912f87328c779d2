package redis_test

import (
	"context"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

func TestConformance(t *testing.T) {
	onlinetest.Run(t, func(t *testing.T) onlinetest.Open { return opener(testenv.Redis(t).URL()) })
}

func opener(url string) onlinetest.Open {
	return func(ctx context.Context, registry string, clock func() feature.Time) (online.Store, error) {
		s, err := redis.Open(ctx, redis.Options{URL: url, Registry: registry, Clock: clock})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}
