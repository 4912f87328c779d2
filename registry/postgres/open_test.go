package postgres_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/postgres"
)

// refused opens what can't be opened and compares the error.
func refused(t *testing.T, options postgres.Options, kind error, text string) {
	t.Helper()
	s, err := postgres.Open(t.Context(), options)
	if err == nil {
		_ = s.Close()
		t.Fatalf("%s was opened, want: %s", options.URL, text)
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want one that wraps %q and says %q", err, kind, text)
	}
	for _, secret := range []string{"opensesame", "s3cret"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("shows a password: %v", err)
		}
	}
	var config *pgconn.ParseConfigError
	if errors.As(err, &config) {
		t.Errorf("wraps an error that holds the URL: %v", err)
	}
}

// raw runs statements past the store.
func raw(t *testing.T, url string, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := execute(t, url, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func execute(t *testing.T, url, statements string) error {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), statements)
	return err
}

func TestWhatCannotBeOpenedIsTold(t *testing.T) {
	server := testenv.Postgres(t)
	url := server.URL()
	at := func(url string) postgres.Options { return postgres.Options{URL: url, Patience: time.Millisecond} }

	refused(t, postgres.Options{URL: url, MustExist: true}, feature.ErrNotFound, "quiver apply makes it")
	raw(t, url, "DO $$ BEGIN IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'quiver') THEN RAISE 'MustExist made the schema'; END IF; END $$")
	refused(t, at(server.URLAs("quiver", "s3cret", "postgres")), feature.ErrInvalid, "refuses the user or the password")
	refused(t, at(server.URLAs("nobody", "s3cret", "postgres")), feature.ErrInvalid, "refuses the user or the password")
	refused(t, at(server.URLAs("quiver", "opensesame", "missing")), feature.ErrInvalid, "have it created (CREATE DATABASE)")
	refused(t, at(url+"&pool_max_con=3"), feature.ErrInvalid, `does not take a parameter of the URL (unrecognized configuration parameter "pool_max_con"`)
	refused(t, at(url+"&pool_max_con=3"), feature.ErrInvalid, ", pool_max_conns, pool_min_conns, ")
	refused(t, at(strings.Replace(url, "sslmode=disable", "sslmode=require", 1)), feature.ErrInvalid, "the server speaks no TLS")

	raw(t, url, "CREATE SCHEMA crm CREATE TABLE customers (id integer)", "CREATE SCHEMA prepared")
	refused(t, at(url+"&schema=crm"), feature.ErrInvalid, "the schema crm of that database holds something else")
	open(t, at(url+"&schema=prepared"))

	open(t, postgres.Options{URL: url, Project: "flights"})
	refused(t, postgres.Options{URL: url, Project: "shop"}, feature.ErrConflict, "belongs to project flights, not to shop")
	raw(t, url, "INSERT INTO quiver.quiver_migrations (version) VALUES (99)")
	refused(t, at(url), feature.ErrInvalid, "schema version 99, and this version of Quiver knows up to 2: use a newer Quiver")

	server.Stop()
	refused(t, at(url), feature.ErrUnavailable, "can't be reached (connect: connection refused): does it run")
}

func TestURLsThatCannotBeReadAreTold(t *testing.T) {
	for url, says := range map[string]string{
		"postgres://me:s3cret@h:port/db":                   "should look like postgres://USER:PASSWORD@HOST",
		"postgres://me:s3cret@h/db?sslmode=sometimes":      "the value of sslmode can't be used (it is disable",
		"postgres://me:s3cret@h/db?sslrootcert=/no/s3cret": "the value of sslrootcert can't be used (does the file exist",
		"postgres://me:s3cret@h/db?pool_max_conns=many":    "the value of pool_max_conns can't be used",
		"postgres://me:s3cret@h/db?pool_max_conns=0":       "the value of pool_max_conns can't be used",
		"postgres://me:s3cret@h/db?connect_timeout=soon":   "the value of connect_timeout can't be used",
		"postgres://me:s3cret@h/db?statement_timeout=5min": "statement_timeout must be a duration such as 30s",
		"postgres://me:s3cret@h/db?schema=Robert'":         "schema must be a name of small letters",
		"postgres://me:s3cret/x@h/db":                      "an @ where none can stand",
		"postgres://me:1/s3cret?y@h/db":                    "an @ where none can stand",
		"postgres://me:p@s3cret@h/db":                      "an @ where none can stand",
		"postgres://me:%s3cret@h/db":                       "should look like",
		"postgres://h/db?password=s3cret&sslmode=x":        "the value of sslmode can't be used",
		"mysql://me:s3cret@h/db":                           "does not begin with postgres://",
	} {
		refused(t, postgres.Options{URL: url}, feature.ErrInvalid, says)
	}
}

func TestTenMakeARegistryAtOnce(t *testing.T) {
	server := testenv.Postgres(t)
	ids := make([]string, 10)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			s, err := postgres.Open(t.Context(), postgres.Options{URL: server.URL(), Project: "flights"})
			if err != nil {
				t.Error(err)
				return
			}
			identity, err := s.Identity(t.Context())
			if err != nil || identity.Project != "flights" {
				t.Errorf("got %+v, %v", identity, err)
			}
			ids[i] = identity.ID
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("registries %v", ids)
		}
	}
}

func TestContextsAndTimeoutsEndWaiting(t *testing.T) {
	server := testenv.Postgres(t)
	s := open(t, postgres.Options{URL: server.URL()})
	hasty := open(t, postgres.Options{URL: server.URL() + "&statement_timeout=50ms"})
	blocker, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blocker.Close(context.WithoutCancel(t.Context())) }()
	if _, err := blocker.Exec(t.Context(), "BEGIN; SELECT FROM quiver.registry FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Commit(ctx, 0, registry.Change{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := hasty.Commit(t.Context(), 0, registry.Change{}); !errors.Is(err, feature.ErrUnavailable) || !strings.Contains(err.Error(), "took too long") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Load(t.Context(), 0); err != nil {
		t.Errorf("a reader waits for a writer: %v", err)
	}
	if _, err := blocker.Exec(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), 0, registry.Change{}); err != nil {
		t.Errorf("after the other let go: %v", err)
	}
}

func TestAServerThatNeverAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	url := "postgres://me:s3cret@" + listener.Addr().String() + "/db?sslmode=disable"
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := postgres.Open(ctx, postgres.Options{URL: url}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	refused(t, postgres.Options{URL: url + "&connect_timeout=1", Patience: time.Millisecond}, feature.ErrUnavailable, "did not answer in time")
}

func TestWhatTheServerRefusesIsToldAndNothingIsWritten(t *testing.T) {
	server := testenv.Postgres(t)
	s := open(t, postgres.Options{URL: server.URL()})
	for what, name := range map[string]string{"NUL": "a\x00b", "no UTF-8": "a\xffb"} {
		if _, err := s.Commit(t.Context(), 0, change(name)); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "nothing was written") {
			t.Errorf("a name with %s: %v", what, err)
		}
	}
	if h, err := s.Head(t.Context()); err != nil || h.Revision != 0 {
		t.Errorf("the head is %+v, %v", h, err)
	}

	raw(t, server.URL(), "CREATE ROLE narrow LOGIN PASSWORD 's3cret' CONNECTION LIMIT 1; GRANT ALL ON SCHEMA quiver TO narrow; GRANT SELECT ON ALL TABLES IN SCHEMA quiver TO narrow")
	url := server.URLAs("narrow", "s3cret", "postgres")
	first := open(t, postgres.Options{URL: url, MustExist: true})
	refused(t, postgres.Options{URL: url, MustExist: true, Patience: time.Millisecond}, feature.ErrUnavailable, "no connection left: let its clients have fewer (pool_max_conns")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, postgres.Options{URL: url, MustExist: true})
}
