package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// app holds what all commands share.
type app struct {
	env    environment
	dir    string // -C
	target string // --env
	format string // -o

	clockTold bool   // that the clock is frozen
	meter     *meter // that is shown now; nil: none. Not set while a store is waited for
}

// root puts the commands together, in the order in which one meets them.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "quiver",
		Short: "An online/offline feature store: one definition, the same values in training and serving",
		Long: `Quiver keeps feature definitions, builds point-in-time-correct training sets from
Parquet, keeps the latest values in an online store and serves them.`,
		Example: `  quiver init shop && cd shop       # a small project that works, with data
  quiver plan && quiver apply       # register its definitions
  quiver train --spine data/labels.csv --service churn_model --out train.parquet
  quiver materialize && quiver get --service churn_model --key customer=1,2`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.PersistentFlags().StringVarP(&a.dir, "directory", "C", ".", "`folder` of the project, or one below it")
	root.PersistentFlags().StringVar(&a.target, "env", "", "`environment` of quiver.yaml to use")
	root.PersistentFlags().StringVarP(&a.format, "output", "o", "table", "`format` of what is printed: table, json or yaml")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		switch a.format {
		case "table", "json", "yaml":
			return nil
		}
		return usagef("unknown output format %q%s: expected table, json or yaml", a.format, didYouMean("", a.format, formats()))
	}
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(usageTemplate)
	add := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add("define", "Define and register features:",
		a.initCommand(), a.schemaCommand(), a.formatCommand(), a.validateCommand(), a.testCommand(),
		a.planCommand(), a.applyCommand(), a.promoteCommand(), a.historyCommand(),
		a.diffCommand(), a.rollbackCommand())
	add("find", "Find features:",
		a.listCommand(), a.searchCommand(), a.describeCommand())
	add("train", "Build training sets:",
		a.previewCommand(), a.trainCommand(), a.inspectCommand())
	add("operate", "Fill the online store, and serve it:",
		a.materializeCommand(), a.statusCommand(), a.runsCommand(), a.getCommand(), a.serveCommand(), a.healthCommand())
	add("about", "Quiver itself:",
		a.completionCommand(), a.manCommand(), a.versionCommand())
	root.SetHelpCommand(helpCommand("about"))
	root.CompletionOptions.DisableDefaultCmd = true // ours has examples
	a.addCompletions(root)
	return root
}

// helpCommand is cobra's, with an error for what is no command.
func helpCommand(group string) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show the help of a command",
		GroupID: group,
		Example: `  quiver help
  quiver help train`,
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, onlyThese
			}
			return slices.Collect(commandNames(c.Root())), onlyThese
		},
		RunE: func(c *cobra.Command, args []string) error {
			found, _, err := c.Root().Find(args)
			if err != nil || len(args) > 0 && found == c.Root() {
				return wrongUse(c, "unknown command %q%s", strings.Join(args, " "), didYouMean("", args[0], commandNames(c.Root())))
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}

// usageTemplate is the second half of the help, after what a command does.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND [flags]{{else}}{{.UseLine}}{{end}}
{{- if .HasExample}}

Examples:
{{.Example}}
{{- end}}
{{- $all := .Commands}}{{range $group := .Groups}}

{{.Title}}
{{- range $all}}{{if and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}} {{.Short}}
{{- end}}{{end}}{{end}}
{{- if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 96 | trimTrailingWhitespaces}}
{{- end}}
{{- if .HasAvailableInheritedFlags}}

Flags of every command:
{{.InheritedFlags.FlagUsagesWrapped 96 | trimTrailingWhitespaces}}
{{- end}}
{{- if .HasAvailableSubCommands}}

"{{.CommandPath}} COMMAND --help" tells more about a command, with examples.
{{- end}}
`
