package redis

import (
	"crypto/tls"
	"fmt"
	"net/url"
	"strings"
	"time"

	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quiver-features/quiver/feature"
)

// DefaultPrefix is what keys begin with where nothing else is said. It is short
// because every key carries it.
const DefaultPrefix = "q:"

// Options say how a store is opened. Only URL and Registry are needed.
type Options struct {
	// URL is redis://user:password@host:port/db, or rediss:// for TLS.
	URL string
	// Registry is the id of the registry whose values the store keeps.
	Registry string
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
	PoolSize    int           // connections at most. Default: ten per CPU
}

const (
	defaultDialTimeout = 3 * time.Second
	defaultIOTimeout   = 3 * time.Second
	pipelineBuffer     = 128 << 10
)

// driverOptions checks the options and translates them. Errors never show the URL,
// which may hold a password, nor what a parser says of it.
func (o *Options) driverOptions() (*driver.Options, error) {
	if o.Registry == "" {
		return nil, fmt.Errorf("online/redis: no registry id is given: %w", feature.ErrInvalid)
	}
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, fmt.Errorf("online/redis: the prefix %q contains a brace, which marks the part of a key that places it in a cluster: %w", o.Prefix, feature.ErrInvalid)
	}
	if o.DialTimeout < 0 || o.IOTimeout < 0 || o.PoolSize < 0 {
		return nil, fmt.Errorf("online/redis: a timeout or the size of the pool is negative: %w", feature.ErrInvalid)
	}
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" {
		return nil, badURL()
	}
	opts, err := driver.ParseURL(o.URL)
	if err != nil {
		return nil, badURL()
	}
	opts.DialTimeout = or(o.DialTimeout, defaultDialTimeout)
	opts.ReadTimeout = or(o.IOTimeout, defaultIOTimeout)
	opts.WriteTimeout = opts.ReadTimeout
	opts.PoolSize = o.PoolSize
	opts.PipelineReadBufferSize, opts.PipelineWriteBufferSize = pipelineBuffer, pipelineBuffer
	// Trying again is the caller's, who knows what may be repeated and for how long.
	opts.MaxRetries, opts.DialerRetries = -1, 1
	opts.ContextTimeoutEnabled = true
	opts.Protocol = 2
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	if opts.TLSConfig != nil {
		opts.TLSConfig.MinVersion = tls.VersionTLS12
	}
	return opts, nil
}

func badURL() error {
	return fmt.Errorf("online/redis: the URL can't be read: expected redis://user:password@host:port/db or rediss://… for TLS, "+
		"with %%40, %%2F, %%23 and the like for @, / and # in a password: %w", feature.ErrInvalid)
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
