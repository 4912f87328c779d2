package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
)

type getFlags struct {
	service, server, caFile string
	tls                     bool
	features, keys, inputs  []string
	timeout                 time.Duration
}

func (a *app) getCommand() *cobra.Command {
	var f getFlags
	c := &cobra.Command{
		Use:   "get (--service NAME | --features LIST) --key NAME=VALUES [--input NAME=VALUES]",
		Short: "Ask for the latest features of some entities",
		Long: `Asks for features as of now, of the project's own online store or, with --server, of
a running server. A key is given once per key column, with one value per entity;
a comma within a value is written as \,. Inputs, which a service may want beside its
keys, are given likewise; an empty value is null. The types of keys and inputs are
read from the project's registry, with --server as well.`,
		Example: `  quiver get --service delay_model --key origin=SFO,JFK --key destination=LAX,BOS
  quiver get --service delay_model --key origin=SFO --key destination=LAX --input distance=337
  quiver get --features airport_facts:city --key airport=SFO --server localhost:7070`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.timeout <= 0 {
				return usagef("--timeout: expected more than zero")
			}
			if f.server == "" && (f.tls || f.caFile != "") {
				return usagef("--tls and --ca-file are for --server, which is missing")
			}
			return a.get(c.Context(), f)
		},
	}
	c.Flags().StringVar(&f.service, "service", "", "`service` whose features are wanted: name or name@version")
	c.Flags().StringSliceVar(&f.features, "features", nil, "`features` that are wanted, separated by commas: view:feature, view@2:feature, view:*")
	c.Flags().StringArrayVar(&f.keys, "key", nil, "key column with its `values`: name=value,value; once per column")
	c.Flags().StringArrayVar(&f.inputs, "input", nil, "input of the service with its `values`: name=value,value; once per input")
	c.Flags().StringVar(&f.server, "server", "", "`address` of a running server, host:port (default: the project's own store is asked)")
	c.Flags().BoolVar(&f.tls, "tls", false, "speak TLS with the server")
	c.Flags().StringVar(&f.caFile, "ca-file", "", "`file` with the authority, in PEM, that signed the server's certificate; implies --tls (default: those that the machine knows)")
	c.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how `long` to wait for the answer, for example 500ms")
	return c
}

func (a *app) get(ctx context.Context, f getFlags) error {
	wanted, err := parseWanted(f.service, f.features)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	err = a.getWithin(limited, f, wanted)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("no answer within %s (--timeout): %w", f.timeout, err)
	}
	return err
}

func (a *app) getWithin(ctx context.Context, f getFlags, w wanted) error {
	a.clockTold = a.clockTold || f.server != "" // the time is the server's
	return a.withSnapshot(ctx, func(p *project, store registry.Store, s *registry.Snapshot) error {
		selection, err := w.from(s)
		if err != nil {
			return err
		}
		keys, inputs, err := f.columns(selection)
		if err != nil {
			return err
		}
		var got *answer
		if f.server != "" {
			got, err = askServer(ctx, a.waits("the server at "+f.server), f, keys, inputs)
		} else {
			got, err = askStore(ctx, p, store, s, f, keys, inputs)
		}
		if err != nil {
			return err
		}
		if err := a.print(got, func() error { return a.printAnswer(got, f, keys) }); err != nil {
			return err
		}
		a.noteUnavailable(got, selection)
		return nil
	})
}

// noteUnavailable says what to do about views that nothing can be said of.
func (a *app) noteUnavailable(got *answer, selection *feature.Selection) {
	var views []string
	for i := range selection.Outputs {
		o := &selection.Outputs[i]
		if o.Use == feature.DerivedOutput {
			continue // what it reads is told
		}
		at := slices.IndexFunc(got.Features, func(f answerFeature) bool { return f.Name == o.Name })
		view := selection.Uses[o.Use].View.ID()
		if at >= 0 && slices.Contains(got.Features[at].Statuses, feature.StatusUnavailable.String()) && !slices.Contains(views, view) {
			views = append(views, view)
		}
	}
	for _, view := range views {
		a.note("note: %s was never materialized, or its values were lost: run quiver materialize %s (or the online store did not answer: quiver status tells)", view, view)
	}
}

// catalog shows a registry to the server.
type catalog struct{ store registry.Store }

func (c catalog) Head(ctx context.Context) (int64, error) {
	head, err := c.store.Head(ctx)
	return head.Serial, err
}

func (c catalog) Load(ctx context.Context) (serving.Snapshot, error) {
	return c.store.Load(ctx, 0)
}

func (c catalog) Filled(ctx context.Context, storage uint64) (bool, error) {
	return wasFilled(ctx, c.store, storage)
}

func askStore(ctx context.Context, p *project, store registry.Store, s *registry.Snapshot, f getFlags, keys, inputs map[string]*feature.Column) (*answer, error) {
	values, err := p.openOnline(ctx, s.Identity().ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = values.Close() }()
	return ask(ctx, p, store, values, f, keys, inputs)
}

func ask(ctx context.Context, p *project, store registry.Store, values online.Store, f getFlags, keys, inputs map[string]*feature.Column) (*answer, error) {
	handler, err := serving.New(catalog{store}, values, serving.Options{
		Clock: p.clock, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, err
	}
	if err := handler.Refresh(ctx); err != nil {
		return nil, err
	}
	r, err := handler.Get(ctx, &serving.Request{Service: f.service, Features: f.features, Keys: keys, Inputs: inputs, EventTimestamps: true})
	if err != nil {
		return nil, err
	}
	got := &answer{Service: r.Service, Revision: r.Revision, Time: r.Time, Rows: r.Rows, Features: []answerFeature{}}
	for i := range r.Features {
		c := &r.Features[i]
		out := answerFeature{Name: c.Name, Type: c.TypeText}
		for row := range r.Rows {
			out.Values = append(out.Values, plain(c.Values.Any(row)))
			out.Statuses = append(out.Statuses, c.Status(row).String())
			if c.View < 0 {
				out.Events = append(out.Events, nil) // of several rows
				continue
			}
			out.Events = append(out.Events, pointer(r.Views[c.View].Event(row)))
		}
		got.Features = append(got.Features, out)
	}
	return got, nil
}

// pointer is nil where there is no time.
func pointer(t feature.Time, there bool) *feature.Time {
	if !there {
		return nil
	}
	return &t
}
