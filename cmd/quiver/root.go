package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// app holds what all commands share.
type app struct {
	env    environment
	dir    string // -C
	target string // --env
	format string // -o

	clockTold bool // that the clock is frozen
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "quiver",
		Short: "An online/offline feature store: one definition, the same values in training and serving",
		Long: `Quiver keeps feature definitions, builds point-in-time-correct training sets from
Parquet, keeps the latest values in an online store and serves them.

Start with "quiver init", then "quiver validate", "plan" and "apply".`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVarP(&a.dir, "directory", "C", ".", "folder of the project, or one below it")
	root.PersistentFlags().StringVar(&a.target, "env", "", "environment of quiver.yaml to use")
	root.PersistentFlags().StringVarP(&a.format, "output", "o", "table", "what to print: table, json or yaml")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		switch a.format {
		case "table", "json", "yaml":
			return nil
		}
		return usagef("unknown output format %q: expected table, json or yaml", a.format)
	}
	root.SetFlagErrorFunc(flagError)
	root.AddGroup(
		&cobra.Group{ID: "define", Title: "Definitions:"},
		&cobra.Group{ID: "use", Title: "Features:"},
		&cobra.Group{ID: "operate", Title: "Online store and servers:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("define", a.initCommand(), a.validateCommand(), a.planCommand(), a.applyCommand(), a.promoteCommand(),
		a.historyCommand(), a.listCommand(), a.describeCommand(), a.schemaCommand())
	add("use", a.trainCommand(), a.getCommand())
	add("operate", a.materializeCommand(), a.statusCommand(), a.runsCommand(), a.serveCommand())
	root.AddCommand(a.versionCommand())
	return root
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  quiver version",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.print(map[string]string{"version": version}, func() error {
				_, err := fmt.Fprintln(a.env.out, "quiver", version)
				return err
			})
		},
	}
}
