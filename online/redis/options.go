package redis

import (
	"fmt"
	"strings"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// DefaultPrefix is what keys begin with where nothing else is said. It is short
// because every key carries it.
const DefaultPrefix = "q:"

// Options say how a store is opened. Only URL and Registry are needed.
type Options struct {
	// URL is redis://user:password@host:port/db, redis-cluster://…@a:6379,b:6379 or
	// redis-sentinel://…@s1:26379,s2:26379/MASTER/db, with rediss for TLS. Its
	// parameters, such as ?prefix=team-, take the place of the fields below.
	URL string
	// Registry is the id of the registry whose values the store keeps.
	Registry string
	// Folder is where relative names of files in the URL begin. Default: the working
	// directory.
	Folder string
	// Prefix begins every key, so that several projects can share a server. It must
	// not contain a brace. Default: DefaultPrefix.
	Prefix string
	// Clock is the project's clock, by which rows expire. Default: the wall clock.
	Clock func() feature.Time
	// Frozen says that the project's clock stands still. Values are kept for ever
	// then, as the server's clock goes on.
	Frozen bool

	DialTimeout time.Duration // to connect, sign in included. Default 3 s
	IOTimeout   time.Duration // for one write or one read of the connection. Default 3 s
	PoolSize    int           // connections to a server at most. Default: ten per CPU
}

const (
	defaultDialTimeout = 3 * time.Second
	defaultIOTimeout   = 3 * time.Second
	pipelineBuffer     = 128 << 10
)

// address checks the options and gives what they and their URL say together. Errors
// never show the URL, which may hold a password, nor what a parser says of it.
func (o *Options) address() (*address, error) {
	if o.Registry == "" {
		return nil, fmt.Errorf("online/redis: no registry id is given: %w", feature.ErrInvalid)
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, badPrefix(o.Prefix)
	}
	if o.DialTimeout < 0 || o.IOTimeout < 0 || o.PoolSize < 0 {
		return nil, fmt.Errorf("online/redis: a timeout or the size of the pool is negative: %w", feature.ErrInvalid)
	}
	a, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	a.prefix = or(a.prefix, or(o.Prefix, DefaultPrefix))
	a.dialTimeout = or(a.dialTimeout, or(o.DialTimeout, defaultDialTimeout))
	a.timeout = or(a.timeout, or(o.IOTimeout, defaultIOTimeout))
	a.poolSize = or(a.poolSize, o.PoolSize)
	return a, nil
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
