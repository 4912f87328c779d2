package redis

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	driver "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/quiver-features/quiver/feature"
)

const (
	redirects      = 5         // how often a command follows a slot to where it has moved
	pipelineBuffer = 128 << 10 // bytes, of a connection in each direction
)

// links are the clients of a store.
type links struct {
	primary  driver.UniversalClient // where values are written and watermarks are read
	cluster  *driver.ClusterClient  // the same, where it is a cluster
	replicas []*replica             // where values are read first; none: from the primary
	where    string                 // for messages

	sentinels bool // the primary is the one that they name
	secure    bool // TLS
}

// replica is where values may be read: one server, or whichever the driver chooses.
type replica struct {
	driver.UniversalClient
	breaker
}

// connect makes the clients. Nothing is dialed yet. onConnect is called at every new
// connection to a primary.
func (a *address) connect(folder string, onConnect func()) (*links, error) {
	secure, err := a.tlsConfig(folder)
	if err != nil {
		return nil, err
	}
	connected := func(context.Context, *driver.Conn) error {
		onConnect()
		return nil
	}
	l := &links{where: strings.Join(a.hosts, ","), secure: a.secure}
	switch a.kind {
	case cluster:
		o := a.clusterOptions(secure)
		o.OnConnect = connected
		l.cluster = driver.NewClusterClient(o)
		l.primary = l.cluster
		if a.fromReplicas {
			o := a.clusterOptions(secure)
			o.ReadOnly = true
			l.replicas = []*replica{{UniversalClient: driver.NewClusterClient(o)}}
		}
	case sentinel:
		l.sentinels = true
		l.where = fmt.Sprintf("%s (named by the sentinels %s)", a.master, l.where)
		o := a.failoverOptions(secure)
		o.OnConnect = connected
		l.primary = driver.NewFailoverClient(o)
		if a.fromReplicas {
			o := a.failoverOptions(secure)
			o.ReplicaOnly = true
			l.replicas = []*replica{{UniversalClient: driver.NewFailoverClient(o)}}
		}
	default:
		o := a.options(a.hosts[0], secure)
		o.OnConnect = connected
		l.primary = driver.NewClient(o)
		for _, host := range a.replicas {
			l.replicas = append(l.replicas, &replica{UniversalClient: driver.NewClient(a.options(host, secure))})
		}
	}
	return l, nil
}

func (l *links) close() error {
	errs := []error{l.primary.Close()}
	for _, r := range l.replicas {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}

// options are those of a client of one server. Trying again is the caller's, who knows
// what may be repeated and for how long.
func (a *address) options(host string, secure *tls.Config) *driver.Options {
	return &driver.Options{
		Addr: host, Username: a.user, Password: a.password, DB: a.db, TLSConfig: secure,
		DialTimeout: a.dialTimeout, ReadTimeout: a.timeout, WriteTimeout: a.timeout, PoolSize: a.poolSize,
		PipelineReadBufferSize: pipelineBuffer, PipelineWriteBufferSize: pipelineBuffer,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func (a *address) clusterOptions(secure *tls.Config) *driver.ClusterOptions {
	return &driver.ClusterOptions{
		Addrs: a.hosts, Username: a.user, Password: a.password, TLSConfig: secure,
		DialTimeout: a.dialTimeout, ReadTimeout: a.timeout, WriteTimeout: a.timeout, PoolSize: a.poolSize,
		PipelineReadBufferSize: pipelineBuffer, PipelineWriteBufferSize: pipelineBuffer,
		MaxRedirects: redirects, MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true,
		DisableRoutingPolicies:   true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
}

func (a *address) failoverOptions(secure *tls.Config) *driver.FailoverOptions {
	return &driver.FailoverOptions{
		MasterName: a.master, SentinelAddrs: a.hosts, SentinelUsername: a.sentinelUser, SentinelPassword: a.sentinelPassword,
		Username: a.user, Password: a.password, DB: a.db, TLSConfig: secure,
		DialTimeout: a.dialTimeout, ReadTimeout: a.timeout, WriteTimeout: a.timeout, PoolSize: a.poolSize,
		PipelineReadBufferSize: pipelineBuffer, PipelineWriteBufferSize: pipelineBuffer,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, Protocol: 2, DisableIdentity: true,
	}
}

// tlsConfig is nil where the URL does not ask for TLS.
func (a *address) tlsConfig(folder string) (*tls.Config, error) {
	if !a.secure {
		return nil, nil //nolint:nilnil // no TLS is what the driver takes nil for
	}
	at := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(folder, name)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: a.serverName}
	if a.caFile != "" {
		pem, err := os.ReadFile(at(a.caFile))
		if err != nil {
			return nil, fmt.Errorf("online/redis: ca_file: %w: %w", feature.ErrInvalid, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("online/redis: ca_file %s holds no certificate in PEM: %w", at(a.caFile), feature.ErrInvalid)
		}
	}
	if a.certFile != "" {
		cert, err := tls.LoadX509KeyPair(at(a.certFile), at(a.keyFile))
		if err != nil {
			return nil, fmt.Errorf("online/redis: cert_file and key_file: %w: %w", feature.ErrInvalid, err)
		}
		config.Certificates = []tls.Certificate{cert}
	}
	return config, nil
}
