package redis

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// kind is how the servers behind a URL belong together.
type kind int

const (
	single   kind = iota // one server, which may have replicas
	cluster              // a Redis Cluster
	sentinel             // a master that sentinels name
)

// form is what a URL of a kind looks like.
func (k kind) form() string {
	switch k {
	case cluster:
		return "redis-cluster://user:password@host:port,host:port"
	case sentinel:
		return "redis-sentinel://user:password@host:port,host:port/MASTER/db"
	default:
		return "redis://user:password@host:port/db"
	}
}

// address is what a URL says.
type address struct {
	kind           kind
	secure         bool     // TLS
	hosts          []string // host:port of servers, of a cluster's nodes, of sentinels
	user, password string
	master         string // as sentinels know it
	db             int

	prefix                         string
	fromReplicas                   bool
	replicas                       []string // host:port; of a single server
	caFile, certFile, keyFile      string
	serverName                     string
	dialTimeout, timeout           time.Duration
	poolSize                       int // 0: ten per CPU
	sentinelUser, sentinelPassword string
}

// parseURL reads a URL. Errors show nothing of it: a password that is not escaped may
// stand in any of its parts.
func parseURL(text string) (*address, error) {
	scheme, rest, _ := strings.Cut(text, "://")
	a := &address{kind: single, prefix: DefaultPrefix, dialTimeout: defaultDialTimeout, timeout: defaultTimeout}
	base, secure := strings.CutPrefix(scheme, "rediss")
	if !secure {
		base, _ = strings.CutPrefix(scheme, "redis")
	}
	a.secure = secure
	switch base {
	case "":
	case "-cluster":
		a.kind = cluster
	case "-sentinel":
		a.kind = sentinel
	default:
		return nil, a.bad("it does not begin with redis://, redis-cluster:// or redis-sentinel://, or with rediss for TLS")
	}
	// Several hosts are none that the parser of URLs takes: another stands in for them.
	end := len(rest)
	if at := strings.IndexAny(rest, "/?#"); at >= 0 {
		end = at
	}
	start := strings.LastIndexByte(rest[:end], '@') + 1
	u, err := url.Parse("redis://" + rest[:start] + "host" + rest[end:])
	if err != nil || u.Fragment != "" {
		return nil, a.bad("a part of it is not as it should be")
	}
	if a.hosts, err = a.hostList(rest[start:end]); err != nil {
		return nil, err
	}
	if u.User != nil {
		a.user = u.User.Username()
		a.password, _ = u.User.Password()
	}
	if err := a.readPath(u.Path); err != nil {
		return nil, err
	}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, a.bad("what stands behind the ? is not name=value&name=value")
	}
	if err := a.readParameters(values); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *address) bad(format string, args ...any) error {
	form := a.kind.form()
	if a.secure {
		form = strings.Replace(form, "redis", "rediss", 1)
	}
	return fmt.Errorf("online/redis: the URL can't be read: %s: expected %s, with %%40, %%2F, %%23 and the like for @, / and # in a password: %w",
		fmt.Sprintf(format, args...), form, feature.ErrInvalid)
}

func (a *address) hostList(text string) ([]string, error) {
	var hosts []string
	for one := range strings.SplitSeq(text, ",") {
		host, port, err := net.SplitHostPort(one)
		if err != nil {
			host, port = strings.TrimSuffix(strings.TrimPrefix(one, "["), "]"), "6379"
			if a.kind == sentinel {
				port = "26379"
			}
			if strings.Contains(host, ":") && !strings.HasPrefix(one, "[") {
				host = ""
			}
		}
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || host == "" {
			return nil, a.bad("a host or its port (1 to 65535) is missing or wrong")
		}
		hosts = append(hosts, net.JoinHostPort(host, port))
	}
	return hosts, nil
}

// readPath reads the database and, for sentinels, the master's name before it.
func (a *address) readPath(path string) error {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if a.kind == sentinel {
		if a.master, parts = parts[0], parts[1:]; a.master == "" {
			return a.bad("it does not name the master that the sentinels watch")
		}
	} else if len(parts) == 1 && parts[0] == "" {
		parts = nil
	}
	var err error
	if len(parts) > 0 {
		a.db, err = strconv.Atoi(parts[0])
	}
	switch {
	case err != nil || a.db < 0 || len(parts) > 1:
		return a.bad("what stands behind the host is not the number of a database")
	case a.kind == cluster && a.db != 0:
		return a.bad("a cluster has the database 0 only")
	case a.kind == single && len(a.hosts) > 1:
		return a.bad("it names several hosts (is it a redis-cluster:// or redis-sentinel://?)")
	}
	return nil
}

// parameters are the names of what may stand behind the ?, and how each is read.
func (a *address) parameters() map[string]func(string) bool {
	text := func(into *string) func(string) bool {
		return func(v string) bool { *into = v; return v != "" }
	}
	span := func(into *time.Duration) func(string) bool {
		return func(v string) bool {
			d, err := time.ParseDuration(v)
			*into = d
			return err == nil && d > 0
		}
	}
	known := map[string]func(string) bool{
		"prefix":       text(&a.prefix),
		"dial_timeout": span(&a.dialTimeout),
		"timeout":      span(&a.timeout),
		"pool_size": func(v string) (ok bool) {
			n, err := strconv.Atoi(v)
			a.poolSize = n
			return err == nil && n > 0
		},
		"read_from": func(v string) bool {
			a.fromReplicas = v == "replica"
			return a.fromReplicas || v == "primary"
		},
	}
	if a.secure {
		known["ca_file"], known["cert_file"], known["key_file"] = text(&a.caFile), text(&a.certFile), text(&a.keyFile)
		known["server_name"] = text(&a.serverName)
	}
	switch a.kind {
	case single:
		known["replicas"] = func(v string) bool {
			var err error
			a.replicas, err = a.hostList(v)
			return err == nil
		}
	case sentinel:
		known["sentinel_user"], known["sentinel_password"] = text(&a.sentinelUser), text(&a.sentinelPassword)
	}
	return known
}

func (a *address) readParameters(values url.Values) error {
	known := a.parameters()
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	for name, v := range values {
		read := known[name]
		if read == nil {
			return a.bad("it has a parameter that is none of %s (those of TLS need rediss)", strings.Join(names, ", "))
		}
		if len(v) != 1 || !read(v[0]) {
			return a.bad("its parameter %s is given twice, or is not %s", name, takes(name))
		}
	}
	switch {
	case strings.ContainsAny(a.prefix, "{}"):
		return fmt.Errorf("online/redis: the prefix %q contains a brace, which marks the part of a key that places it in a cluster: %w", a.prefix, feature.ErrInvalid)
	case (a.certFile == "") != (a.keyFile == ""):
		return a.bad("cert_file and key_file go together")
	case a.kind == single && a.fromReplicas != (len(a.replicas) > 0):
		return a.bad("read_from=replica and replicas=host:port,host:port go together")
	case a.sentinelUser != "" && a.sentinelPassword == "":
		return a.bad("sentinel_user needs sentinel_password")
	}
	return nil
}

// takes says what a parameter takes.
func takes(name string) string {
	switch name {
	case "prefix":
		return "a text without braces"
	case "dial_timeout", "timeout":
		return "a time such as 3s or 500ms"
	case "pool_size":
		return "a number of connections"
	case "read_from":
		return "primary or replica"
	case "replicas":
		return "host:port,host:port"
	case "ca_file", "cert_file", "key_file":
		return "the name of a file"
	default:
		return "a text"
	}
}
