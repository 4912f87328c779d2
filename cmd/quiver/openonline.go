package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	onlineredis "github.com/quiver-features/quiver/online/redis"
	onlinesqlite "github.com/quiver-features/quiver/online/sqlite"
)

// openOnline opens the online store of a registry for a command that somebody waits
// for. The caller closes it.
func (p *project) openOnline(ctx context.Context, registryID string) (online.Store, error) {
	w := p.app.waits("the online store at " + p.Online.String())
	store, err := waited(w, func() (online.Store, error) { return p.reachOnline(ctx, registryID) })
	if err != nil {
		return nil, err
	}
	return &waitingOnline{Store: store, waits: w}, nil
}

// reachOnline is openOnline for a server, which has a log.
func (p *project) reachOnline(ctx context.Context, registryID string) (online.Store, error) {
	if p.OnlineUnset != nil {
		return nil, p.OnlineUnset
	}
	scheme, rest, _ := strings.Cut(p.Online.Value, ":")
	switch scheme {
	case "sqlite":
		return onlinesqlite.Open(ctx, onlinesqlite.Options{Path: rest, Registry: registryID, Clock: p.clock})
	case "redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel":
		store, err := onlineredis.Open(ctx, onlineredis.Options{
			URL: p.Online.Value, Registry: registryID, Folder: p.Folder, Clock: p.clock, Frozen: p.Now != nil,
		})
		if errors.Is(err, feature.ErrUnavailable) && ctx.Err() == nil {
			return nil, fmt.Errorf("the online store can't be reached (does it run, and is %s right?): %w", p.setting("online"), err)
		}
		if err != nil {
			return nil, err
		}
		return store, nil
	}
	return nil, fmt.Errorf("online store %s: this version of Quiver opens sqlite:FILE, redis://, redis-cluster:// and redis-sentinel://, and with rediss for TLS: %w", p.Online, feature.ErrInvalid)
}
