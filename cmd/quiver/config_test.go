package main

import (
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// resolved makes a configuration of a file, variables and flags.
func resolved(t *testing.T, file string, variables map[string]string, flags ...string) (*serveConfig, error) {
	t.Helper()
	c := newServeConfig()
	set := pflag.NewFlagSet("serve", pflag.ContinueOnError)
	set.SetOutput(io.Discard)
	c.addFlags(set)
	if file != "" {
		path := filepath.Join(t.TempDir(), "serve.yaml")
		if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
		flags = append(flags, "--config", path)
	}
	if err := set.Parse(flags); err != nil {
		t.Fatal(err)
	}
	err := c.resolve(func(name string) (string, bool) {
		v, ok := variables[name]
		return v, ok
	}, slices.Collect(maps.Keys(variables)))
	return c, err
}

// Every subset of the three places in which a setting can stand.
func TestAFlagGoesBeforeTheEnvironmentAndThatBeforeTheFile(t *testing.T) {
	for places := range 8 {
		want, from := 10_000, "default"
		var file string
		var flags []string
		variables := map[string]string{}
		if places&1 != 0 {
			file, want, from = "# limits\nmax_rows: 11\n", 11, "serve.yaml:2:11"
		}
		if places&2 != 0 {
			variables["QUIVER_SERVE_MAX_ROWS"], want, from = "12", 12, "QUIVER_SERVE_MAX_ROWS"
		}
		if places&4 != 0 {
			flags, want, from = []string{"--max-rows", "13"}, 13, "--max-rows"
		}
		c, err := resolved(t, file, variables, flags...)
		if err != nil {
			t.Fatal(err)
		}
		if c.serving.MaxRows != want {
			t.Errorf("places %03b: %d, want %d", places, c.serving.MaxRows, want)
		}
		for _, s := range c.settings {
			wanted := "default"
			if s.name == "max_rows" {
				wanted = from
			}
			if !strings.HasSuffix(s.from, wanted) {
				t.Errorf("places %03b: %s is from %s, want %s", places, s.name, s.from, wanted)
			}
		}
	}
}

func TestEverySettingCanStandEverywhere(t *testing.T) {
	good := map[string]string{
		"grpc": "127.0.0.1:1", "http": "127.0.0.1:2", "metrics": "127.0.0.1:3", "tls_cert": "/a.pem", "tls_key": "/a.key",
		"max_in_flight": "4", "max_request_bytes": "5", "max_rows": "6", "max_large": "7", "default_timeout": "7s", "store_timeout": "8s",
		"slow_call": "9s", "drain_timeout": "10s", "drain_delay": "0s", "registry_timeout": "11s", "snapshot": "/s",
		"log_level": "warn", "log_format": "text",
	}
	var file strings.Builder
	var flags []string
	variables := map[string]string{}
	for _, s := range newServeConfig().settings {
		if good[s.name] == "" {
			t.Fatalf("no value for %s here", s.name)
		}
		file.WriteString(s.name + ": " + good[s.name] + "\n")
		variables["QUIVER_SERVE_"+strings.ToUpper(s.name)] = good[s.name]
		flags = append(flags, "--"+strings.ReplaceAll(s.name, "_", "-"), good[s.name])
	}
	check := func(c *serveConfig, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range c.settings {
			if s.value != good[s.name] || s.from == "default" {
				t.Errorf("%s is %q from %s", s.name, s.value, s.from)
			}
		}
	}
	check(resolved(t, file.String(), nil))
	check(resolved(t, "", variables))
	check(resolved(t, "", nil, flags...))
}

func TestPathsInAFileAreRelativeToIt(t *testing.T) {
	c, err := resolved(t, "tls_cert: tls/server.pem\ntls_key: /keys/server.key\nsnapshot: ''\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(c.file), "tls", "server.pem"); c.tlsCert != want || c.tlsKey != "/keys/server.key" || c.snapshot != "" {
		t.Errorf("cert %s, key %s, snapshot %q", c.tlsCert, c.tlsKey, c.snapshot)
	}
}

func TestAllThatIsWrongWithTheSettingsIsToldAtOnce(t *testing.T) {
	_, err := resolved(t, "max_row: 3\nhttp: [a, b]\ndrain_timeout: soon\ngrpc: ''\ntls_cert: a.pem\nmax_rows: 1\nmax_rows: 2\n", map[string]string{
		"QUIVER_SERVE_MAX_IN_FLIGHT": "-1",
		"QUIVER_SERVE_LOG_LEVEL":     "loud",
		"QUIVER_SERVE_MAX_ROW":       "6",
		"QUIVER_SERVE_PORT":          "7070",
		"OTHER_SERVE_MAX_ROW":        "6",
	}, "--max-request-bytes", "99999999999", "--drain-delay=-1s", "--log-format", "xml", "--grpc", "127.0.0.1:70000")
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, part := range []string{
		`serve.yaml:1:1: unknown field "max_row"`, `did you mean "max_rows"?`,
		`serve.yaml:2:7: http: expected a single value, got a list`,
		`QUIVER_SERVE_MAX_ROW: there is no such setting (did you mean QUIVER_SERVE_MAX_ROWS?)`,
		`QUIVER_SERVE_PORT: there is no such setting`,
		`serve.yaml:3:16: drain_timeout: expected a time of more than zero, for example 10s, got "soon"`,
		`serve.yaml:4:7: grpc: expected an address`,
		`serve.yaml:7:1: field "max_rows" is given twice`,
		`QUIVER_SERVE_MAX_IN_FLIGHT: expected a whole number of more than zero, got "-1"`,
		`QUIVER_SERVE_LOG_LEVEL: expected debug, info, warn or error, got "loud"`,
		`--max-request-bytes: expected a whole number`,
		`--drain-delay: expected a time, for example 500ms, got "-1s"`,
		`--log-format: expected json or text, got "xml"`,
		`--grpc: expected an address, host:port, for example 127.0.0.1:7070, got "127.0.0.1:70000"`,
		`tls_cert and tls_key are set together or not at all`,
		`14 problems`,
	} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("no %q in\n%s", part, err)
		}
	}
}

// What Kubernetes sets in every container beside a service that is named quiver-serve,
// or quiver-serve-grpc.
func TestVariablesOfKubernetesAreNoSettings(t *testing.T) {
	variables := map[string]string{"QUIVER_SERVE_CONFIG": ""}
	for _, service := range []string{"QUIVER_SERVE", "QUIVER_SERVE_GRPC"} {
		for name, value := range map[string]string{
			"_SERVICE_HOST": "10.0.0.1", "_SERVICE_PORT": "7070", "_SERVICE_PORT_GRPC": "7070", "_PORT": "tcp://10.0.0.1:7070",
			"_PORT_7070_TCP": "tcp://10.0.0.1:7070", "_PORT_7070_TCP_PROTO": "tcp", "_PORT_7070_TCP_PORT": "7070", "_PORT_7070_TCP_ADDR": "10.0.0.1",
		} {
			variables[service+name] = value
		}
	}
	if _, err := resolved(t, "", variables); err != nil {
		t.Error(err)
	}
}

func TestTheAddressToAskIsThatOfTheServer(t *testing.T) {
	for listens, asked := range map[string]string{
		"127.0.0.1:7070": "127.0.0.1:7070", "0.0.0.0:7070": "127.0.0.1:7070", ":7070": "127.0.0.1:7070",
		"[::]:7070": "[::1]:7070", "10.1.2.3:7070": "10.1.2.3:7070", "example.com:7070": "example.com:7070",
	} {
		if got := local(listens); got != asked {
			t.Errorf("%s: %s, want %s", listens, got, asked)
		}
	}
}
