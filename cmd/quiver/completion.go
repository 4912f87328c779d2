package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quiver-features/quiver/registry"
)

func (a *app) completionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that lets a shell complete commands and names",
		Long: `Prints the script by which a shell completes commands, flags, and the names in the
registry: services, views, features, keys, environments. Bash wants the package
bash-completion beside it. Start a new shell after the script was put in its place.`,
		Example: `  quiver completion bash > ~/.local/share/bash-completion/completions/quiver
  quiver completion zsh > "${fpath[1]}/_quiver"
  quiver completion fish > ~/.config/fish/completions/quiver.fish
  quiver completion powershell >> $PROFILE`,
		Args: func(c *cobra.Command, args []string) error {
			if err := exactly("the shell ("+strings.Join(shells, ", ")+")")(c, args); err != nil {
				return err
			}
			return choice(shells)(c, args)
		},
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			switch root := c.Root(); args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.env.out, true)
			case "zsh":
				return root.GenZshCompletion(a.env.out)
			case "fish":
				return root.GenFishCompletion(a.env.out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(a.env.out)
			}
		},
	}
}

// addCompletions says for every command and flag what a shell offers. A flag that is
// not named here takes files if its help calls the value file, else nothing.
func (a *app) addCompletions(root *cobra.Command) {
	arguments := map[string]cobra.CompletionFunc{
		"init": onlyFolders, "man": onlyFolders,
		"describe": a.objects, "promote": a.versions,
		"preview": a.viewsOfFiles, "materialize": a.views, "status": a.views, "runs": a.views,
		"fmt": onlyFiles("yaml", "yml"), "test": onlyFiles("yaml", "yml"), "inspect": onlyFiles("parquet", "csv", "arrow", "feather", "arrows"),
	}
	flags := map[string]cobra.CompletionFunc{
		"output":     cobra.FixedCompletions(slices.Collect(formats()), onlyThese),
		"kind":       kinds,
		"log-format": cobra.FixedCompletions([]string{"json", "text"}, onlyThese),
		"log-level":  cobra.FixedCompletions([]string{"debug", "info", "warn", "error"}, onlyThese),
		"env":        a.environments, "directory": onlyFolders,
		"service": a.services, "features": a.features, "key": a.keys,
		"spine": onlyFiles("parquet", "csv", "arrow", "feather", "arrows"), "config": onlyFiles("yaml", "yml"),
		"out": onlyFiles("parquet", "csv", "arrow", "feather", "arrows"), "from-manifest": onlyFiles("json"), "manifest": onlyFiles("json"),
		"format": cobra.FixedCompletions(outputFormats(), onlyThese), "spine-format": cobra.FixedCompletions(outputFormats(), onlyThese),
	}
	offer := func(c *cobra.Command, f *pflag.Flag) {
		complete := flags[f.Name]
		if value, _ := pflag.UnquoteUsage(f); complete == nil && value != "file" {
			complete = cobra.NoFileCompletions
		}
		if complete != nil {
			_ = c.RegisterFlagCompletionFunc(f.Name, complete) // fails for a flag that is none, or twice
		}
	}
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { offer(root, f) })
	for _, c := range root.Commands() {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { offer(c, f) })
		if c.ValidArgsFunction == nil && len(c.ValidArgs) == 0 {
			c.ValidArgsFunction = cobra.NoFileCompletions
			if complete := arguments[c.Name()]; complete != nil {
				c.ValidArgsFunction = complete
			}
		}
	}
}

// kinds offers those that a command tells apart.
func kinds(c *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if c.Name() == "promote" { // only these have versions
		return []cobra.Completion{registry.KindView, registry.KindService}, onlyThese
	}
	return []cobra.Completion{registry.KindEntity, registry.KindSource, registry.KindView, registry.KindService}, onlyThese
}

func onlyFolders(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

func onlyFiles(extensions ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(extensions, cobra.ShellCompDirectiveFilterFileExt)
}
