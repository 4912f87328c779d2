package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// serveConfig is the configuration of a server, ready for use once resolve has
// worked.
type serveConfig struct {
	grpc, http, metrics string // addresses
	tlsCert, tlsKey     string // files; both or none
	limits              rpc.Options
	serving             serving.Options
	drainDelay          time.Duration
	registryTimeout     time.Duration
	snapshot            string // a file; empty: none
	logLevel            slog.Level
	logFormat           string // json, text; empty: what fits standard error

	file     string // --config
	settings []*serveSetting
}

// serveSetting is one setting of the server. It has one name in three spellings:
// max_rows in the file, QUIVER_SERVE_MAX_ROWS in the environment, --max-rows on
// the command line. It is the flag's pflag.Value: flags are kept as text, so that
// all that is wrong is told at once, wherever it was written.
type serveSetting struct {
	name  string
	about string
	what  string // what a value is, in a word
	value string // the one that counts; at first the default
	from  string // where it is from
	flag  *string
	take  func(text string) error // checks a text and keeps its value; an error says what was expected
	path  bool                    // relative to the file that it stands in
}

func (s *serveSetting) flagName() string { return strings.ReplaceAll(s.name, "_", "-") }

// variable is the name of the setting's environment variable.
func (s *serveSetting) variable() string { return settingsPrefix + strings.ToUpper(s.name) }

// settingsPrefix begins the environment variables.
const settingsPrefix = "QUIVER_SERVE_"

// configVariable names the configuration file where no flag does.
const configVariable = settingsPrefix + "CONFIG"

const fromDefault = "default"

// String is part of pflag.Value.
func (s *serveSetting) String() string {
	if s.flag != nil {
		return *s.flag
	}
	return s.value
}

// Set is part of pflag.Value.
func (s *serveSetting) Set(text string) error {
	s.flag = &text
	return nil
}

// Type is part of pflag.Value.
func (s *serveSetting) Type() string { return s.what }

// newServeConfig makes the settings with their defaults.
func newServeConfig() *serveConfig {
	c := &serveConfig{}
	c.settings = []*serveSetting{
		addressSetting("grpc", "127.0.0.1:7070", "for gRPC", &c.grpc, false),
		addressSetting("http", "127.0.0.1:7071", "for HTTP: features, health and metrics; empty: none", &c.http, true),
		addressSetting("metrics", "", "for metrics and health alone, which then are not on the HTTP address; empty: none", &c.metrics, true),
		pathSetting("tls_cert", "", "certificate of both addresses, with its chain, in PEM; empty: no TLS", &c.tlsCert),
		pathSetting("tls_key", "", "key of the certificate, in PEM", &c.tlsKey),
		numberSetting("max_in_flight", 1024, "calls at once; more are turned away", &c.limits.MaxInFlight),
		numberSetting("max_request_bytes", 4<<20, "size of a request", &c.limits.MaxMessageBytes),
		numberSetting("max_rows", 10_000, "entities in one request", &c.serving.MaxRows),
		numberSetting("max_large", 4, "calls at once that take more than 4 MiB of texts and lists; others wait", &c.serving.MaxLarge),
		spanSetting("default_timeout", 5*time.Second, "for calls whose client gives no deadline", &c.limits.DefaultTimeout),
		spanSetting("store_timeout", time.Second, "for one read of the online store", &c.serving.StoreTimeout),
		spanSetting("slow_call", time.Second, "from which on a call is a warning in the log", &c.limits.SlowCall),
		spanSetting("drain_timeout", 10*time.Second, "for calls under way when the server stops", &c.limits.DrainTimeout),
		spanOrZeroSetting("drain_delay", 500*time.Millisecond, "between no longer being ready and taking no more calls, when the server stops", &c.drainDelay),
		spanSetting("registry_timeout", 5*time.Second, "for the registry to answer; at the start, the snapshot is taken after it", &c.registryTimeout),
		pathSetting("snapshot", defaultSnapshot, "file that keeps the registry's state, to start from while the registry is down; empty: none", &c.snapshot),
		levelSetting("log_level", "info", "what is logged: debug (every request), info, warn or error", &c.logLevel),
		wordSetting("log_format", "", "json or text; empty: text on a terminal, else json", &c.logFormat, "json", "text"),
	}
	return c
}

// defaultSnapshot stands for a file in the project's folder.
const defaultSnapshot = ".quiver/serve.snapshot"

// addFlags makes a flag of every setting.
func (c *serveConfig) addFlags(flags *pflag.FlagSet) {
	for _, s := range c.settings {
		flags.Var(s, s.flagName(), s.about)
	}
	flags.StringVar(&c.file, "config", "", "`file` of settings; see docs/serve.md")
}

// resolve puts together what is set where: a flag goes before the environment,
// that before the file, and that before the default. Everything that is wrong is
// told at once, in values that don't count, too.
// names are those of all variables there are: one that looks like a setting and is
// none is a typing error.
func (c *serveConfig) resolve(getenv func(string) (string, bool), names []string) error {
	problems, err := c.readFile(getenv)
	if err != nil {
		return err
	}
	problems = append(problems, c.unknown(names, getenv)...)
	for _, s := range c.settings {
		if text, ok := getenv(s.variable()); ok {
			problems = append(problems, s.offer(text, s.variable())...)
		}
		if s.flag != nil {
			problems = append(problems, s.offer(*s.flag, "--"+s.flagName())...)
		}
		if s.from == "" {
			problems = append(problems, s.offer(s.value, fromDefault)...)
		}
	}
	if (c.tlsCert == "") != (c.tlsKey == "") {
		problems = append(problems, "tls_cert and tls_key are set together or not at all")
	}
	return settingsError(problems)
}

// unknown tells the variables that begin as settings and are none. Those that
// Kubernetes makes for a service whose name begins with quiver-serve are left alone.
func (c *serveConfig) unknown(names []string, getenv func(string) (string, bool)) (problems []string) {
	known := []string{configVariable}
	for _, s := range c.settings {
		known = append(known, s.variable())
	}
	ofService := regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)
	for _, name := range slices.Sorted(slices.Values(names)) {
		if !strings.HasPrefix(name, settingsPrefix) || slices.Contains(known, name) || ofService.MatchString(name) {
			continue
		}
		if value, _ := getenv(name); strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://") {
			continue // QUIVER_SERVE_PORT=tcp://10.0.0.1:7070
		}
		text := name + ": there is no such setting (quiver serve --help names them)"
		if near := feature.Nearest(name, slices.Values(known)); near != "" {
			text = fmt.Sprintf("%s: there is no such setting (did you mean %s?)", name, near)
		}
		problems = append(problems, text)
	}
	return problems
}

// offer takes a value where it is a good one, else it gives what is wrong.
func (s *serveSetting) offer(text, from string) []string { return s.offerAs(from, text, from) }

// offerAs is offer with the place as messages name it.
func (s *serveSetting) offerAs(place, text, from string) []string {
	if err := s.take(text); err != nil {
		s.from = from
		return []string{fmt.Sprintf("%s: %s, got %q", place, err, text)}
	}
	s.value, s.from = text, from
	return nil
}

// readFile takes the values of the configuration file.
func (c *serveConfig) readFile(getenv func(string) (string, bool)) (problems []string, err error) {
	from := "--config"
	if c.file == "" {
		from = configVariable
		c.file, _ = getenv(configVariable)
	}
	if c.file == "" {
		return nil, nil
	}
	known := make([]string, len(c.settings))
	for i, s := range c.settings {
		known[i] = s.name
	}
	values, err := definition.LoadSettings(c.file, "the server's configuration", known)
	all := registry.Problems(nil)
	switch {
	case errors.As(err, &all):
		problems = strings.Split(all.Error(), "\n")
	case err != nil:
		return nil, usagef("%s: %w", from, err)
	}
	for _, s := range c.settings {
		v, ok := values[s.name]
		if !ok {
			continue
		}
		if s.path && v.Text != "" && !filepath.IsAbs(v.Text) {
			v.Text = filepath.Join(filepath.Dir(c.file), v.Text)
		}
		problems = append(problems, s.offerAs(v.At.String()+": "+s.name, v.Text, v.At.String())...)
	}
	return problems, nil
}

// settingsError is all that is wrong with the settings, or nil.
func settingsError(problems []string) error {
	switch len(problems) {
	case 0:
		return nil
	case 1:
		return usagef("%s", problems[0])
	}
	return usagef("%d problems with the server's settings:\n  %s", len(problems), strings.Join(problems, "\n  "))
}

func addressSetting(name, otherwise, about string, into *string, optional bool) *serveSetting {
	return &serveSetting{name: name, about: about, what: "address", value: otherwise, take: func(text string) error {
		*into = text
		if text == "" && optional {
			return nil
		}
		_, port, err := net.SplitHostPort(text)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return errors.New("expected an address, host:port, for example " + cmp.Or(otherwise, "127.0.0.1:7072"))
		}
		return nil
	}}
}

func numberSetting(name string, otherwise int, about string, into *int) *serveSetting {
	return &serveSetting{name: name, about: about, what: "number", value: strconv.Itoa(otherwise), take: func(text string) error {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n <= 0 {
			return errors.New("expected a whole number of more than zero")
		}
		*into = int(n)
		return nil
	}}
}

func spanSetting(name string, otherwise time.Duration, about string, into *time.Duration) *serveSetting {
	return durationSetting(name, otherwise, about, into, 1, "expected a time of more than zero, for example ")
}

func spanOrZeroSetting(name string, otherwise time.Duration, about string, into *time.Duration) *serveSetting {
	return durationSetting(name, otherwise, about, into, 0, "expected a time, for example ")
}

func durationSetting(name string, otherwise time.Duration, about string, into *time.Duration, least time.Duration, expected string) *serveSetting {
	return &serveSetting{name: name, about: about, what: "time", value: otherwise.String(), take: func(text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < least {
			return errors.New(expected + otherwise.String())
		}
		*into = d
		return nil
	}}
}

func pathSetting(name, otherwise, about string, into *string) *serveSetting {
	return &serveSetting{name: name, about: about, what: "file", value: otherwise, path: true, take: func(text string) error {
		*into = text
		return nil
	}}
}

func wordSetting(name, otherwise, about string, into *string, words ...string) *serveSetting {
	return &serveSetting{name: name, about: about, what: "word", value: otherwise, take: func(text string) error {
		if text != otherwise && !slices.Contains(words, text) {
			return errors.New("expected " + strings.Join(words, " or "))
		}
		*into = text
		return nil
	}}
}

func levelSetting(name, otherwise, about string, into *slog.Level) *serveSetting {
	return &serveSetting{name: name, about: about, what: "word", value: otherwise, take: func(text string) error {
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, text) {
			return errors.New("expected debug, info, warn or error")
		}
		return into.UnmarshalText([]byte(text))
	}}
}
