package redis

import (
	"fmt"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// DefaultPrefix is what keys begin with where the URL says nothing else. It is short
// because every key carries it.
const DefaultPrefix = "q:"

// Options say how a store is opened. Only URL and Registry are needed.
type Options struct {
	// URL is redis://user:password@host:port/db, redis-cluster://…@a:6379,b:6379 or
	// redis-sentinel://…@s1:26379,s2:26379/MASTER/db, with rediss for TLS. Its
	// parameters, such as ?prefix=team-&timeout=1s, say all that concerns the servers.
	URL string
	// Registry is the id of the registry whose values the store keeps.
	Registry string
	// Folder is where relative names of files in the URL begin. Default: the working
	// directory.
	Folder string
	// Clock is the project's clock, by which rows expire. Default: the wall clock.
	Clock func() feature.Time
	// Frozen says that the project's clock stands still. Values are kept for ever
	// then, as the server's clock goes on.
	Frozen bool
}

// What holds where the URL says nothing.
const (
	defaultDialTimeout = 3 * time.Second // to connect, sign in included
	defaultTimeout     = 3 * time.Second // for one write or one read of the connection
)

// address checks the options and gives what their URL says. Errors never show the URL,
// which may hold a password, nor what a parser says of it.
func (o *Options) address() (*address, error) {
	if o.Registry == "" {
		return nil, fmt.Errorf("online/redis: no registry id is given: %w", feature.ErrInvalid)
	}
	return parseURL(o.URL)
}
