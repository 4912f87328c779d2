package postgres

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quiver-features/quiver/feature"
)

const (
	defaultSchema    = "quiver"
	defaultTimeout   = 30 * time.Second // of a statement
	connectTimeout   = 10 * time.Second
	pingTimeout      = 5 * time.Second
	defaultPoolConns = 4
)

// config is what a URL says.
type config struct {
	pool    *pgxpool.Config
	schema  string
	timeout time.Duration
	name    string // for messages
}

// parse reads a URL. Errors show no part of it but the names of known parameters:
// where a URL is malformed, the password may stand anywhere.
func parse(text string) (*config, error) {
	if err := checkURL(text); err != nil {
		return nil, err
	}
	given, err := pgconn.ParseConfig(text) // which parameters there are; the pool's are among them
	if err != nil {
		return nil, urlError(text)
	}
	pool, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, urlError(text)
	}
	c := &config{pool: pool, schema: defaultSchema, timeout: defaultTimeout, name: nameOf(given)}
	params := pool.ConnConfig.RuntimeParams
	if schema, ok := params["schema"]; ok {
		if !regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`).MatchString(schema) {
			return nil, fmt.Errorf("the registry's URL: schema must be a name of small letters, digits and _, at most 63 of them: %w", feature.ErrInvalid)
		}
		c.schema = schema
		delete(params, "schema")
		c.name += "?schema=" + schema
	}
	if timeout, ok := params["statement_timeout"]; ok {
		if c.timeout, ok = parseTimeout(timeout); !ok {
			return nil, fmt.Errorf("the registry's URL: statement_timeout must be a duration such as 30s, or a number of milliseconds: %w", feature.ErrInvalid)
		}
		delete(params, "statement_timeout")
	}
	if _, ok := params["application_name"]; !ok {
		params["application_name"] = "quiver"
	}
	params["client_encoding"] = "UTF8"
	if _, ok := given.RuntimeParams["pool_max_conns"]; !ok {
		pool.MaxConns = max(defaultPoolConns, pool.MinConns, pool.MinIdleConns)
	}
	if pool.ConnConfig.ConnectTimeout == 0 {
		pool.ConnConfig.ConnectTimeout = connectTimeout
	}
	if pool.PingTimeout == 0 {
		pool.PingTimeout = pingTimeout
	}
	// Statements that are prepared by name don't survive poolers that hand out a
	// server's connection per transaction, and go stale when another process brings
	// the schema up to date.
	if pool.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return c, nil
}

func parseTimeout(text string) (time.Duration, bool) {
	if ms, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(ms) * time.Millisecond, true //nolint:gosec // 31 bits
	}
	d, err := time.ParseDuration(text)
	return d.Round(time.Millisecond), err == nil && d >= time.Millisecond && d <= 24*time.Hour
}

// nameOf shows where a registry is, without users and passwords.
func nameOf(c *pgconn.Config) string {
	var hosts []string
	add := func(host string, port uint16) {
		if host = net.JoinHostPort(host, strconv.Itoa(int(port))); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	add(c.Host, c.Port)
	for _, f := range c.Fallbacks { // further hosts, and the same ones without TLS
		add(f.Host, f.Port)
	}
	database := c.Database
	if database == "" {
		database = c.User
	}
	return "postgres://" + strings.Join(hosts, ",") + "/" + database
}

// checkURL refuses what pgx would read otherwise than it was meant, so that a part
// of the password would be taken for a host or a database, and be shown.
func checkURL(text string) error {
	rest, ok := strings.CutPrefix(text, "postgres://")
	if !ok {
		rest, ok = strings.CutPrefix(text, "postgresql://")
	}
	if !ok {
		return fmt.Errorf("the registry's URL does not begin with postgres://: %w", feature.ErrInvalid)
	}
	at, end := strings.LastIndexByte(rest, '@'), strings.IndexAny(rest, "/?#")
	if strings.Count(rest, "@") > 1 || end >= 0 && at > end {
		return fmt.Errorf("the registry's URL has an @ where none can stand: write special letters of user and password as %%XX "+
			"(@ is %%40, : is %%3A, / is %%2F, ? is %%3F, # is %%23): %w", feature.ErrInvalid)
	}
	return nil
}

// urlError tells what is wrong with a URL that pgx can't read. Its own messages
// show more of it than may be shown.
func urlError(text string) error {
	_, query, _ := strings.Cut(text, "?")
	values, _ := url.ParseQuery(query)
	for _, name := range knownParameters() {
		for _, value := range values[name] {
			alone := "postgres://host/database?" + url.Values{name: {value}}.Encode()
			if _, err := pgxpool.ParseConfig(alone); err != nil {
				return fmt.Errorf("the registry's URL: the value of %s can't be used%s: %w", name, hint(name), feature.ErrInvalid)
			}
		}
	}
	return fmt.Errorf("the registry's URL can't be read: it should look like postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full, "+
		"with special letters of user and password as %%XX: %w", feature.ErrInvalid)
}

func knownParameters() []string {
	return []string{
		"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcertmode", "sslnegotiation", "sslsni", "channel_binding", "require_auth",
		"target_session_attrs", "connect_timeout", "port", "service", "servicefile", "passfile", "options",
		"min_protocol_version", "max_protocol_version", "default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity",
		"pool_max_conns", "pool_min_conns", "pool_min_idle_conns", "pool_max_conn_lifetime", "pool_max_conn_lifetime_jitter",
		"pool_max_conn_idle_time", "pool_health_check_period", "pool_ping_timeout",
	}
}

func hint(parameter string) string {
	switch {
	case parameter == "sslmode":
		return " (it is disable, allow, prefer, require, verify-ca or verify-full)"
	case parameter == "target_session_attrs":
		return " (it is any, read-write, read-only, primary, standby or prefer-standby)"
	case strings.HasPrefix(parameter, "ssl"):
		return " (does the file exist, and is it PEM?)"
	}
	return ""
}

func quote(schema string) string { return pgx.Identifier{schema}.Sanitize() }
