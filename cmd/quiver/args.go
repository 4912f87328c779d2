package main

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/quiver-features/quiver/feature"
)

// wrongUse is a usage error that points at the command's help.
func wrongUse(c *cobra.Command, format string, args ...any) error {
	return usagef(format+"\nsee %q", append(args, c.CommandPath()+" --help")...)
}

// knownCommand refuses what is no command: cobra calls it for the root alone.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return wrongUse(c, "unknown command %q%s", args[0], didYouMean("", args[0], commandNames(c)))
}

func commandNames(c *cobra.Command) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, known := range c.Commands() {
			if known.IsAvailableCommand() && !yield(known.Name()) {
				return
			}
		}
	}
}

// formats gives the values of --output.
func formats() iter.Seq[string] { return slices.Values([]string{"table", "json", "yaml"}) }

// didYouMean names what was probably meant, each name with the prefix; empty where
// nothing is near.
func didYouMean(prefix, name string, known iter.Seq[string]) string {
	if near := feature.Nearest(name, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", prefix+near)
	}
	return ""
}

func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrongUse(c, "%s takes no arguments, got %q", c.CommandPath(), args[0])
	}
	return nil
}

func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return wrongUse(c, "%s takes one argument at most, got %d", c.CommandPath(), len(args))
	}
	return nil
}

// exactly asks for one argument by its name in the usage line.
func exactly(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch len(args) {
		case 0:
			return wrongUse(c, "%s is missing", name)
		case 1:
			return nil
		}
		return wrongUse(c, "%s takes one %s, got %d arguments", c.CommandPath(), name, len(args))
	}
}

// choice allows one of some words, or none.
func choice(words []string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := atMostOne(c, args); err != nil {
			return err
		}
		if len(args) == 0 || slices.Contains(words, args[0]) {
			return nil
		}
		return wrongUse(c, "%q is unknown%s: expected one of %s", args[0], didYouMean("", args[0], slices.Values(words)), strings.Join(words, ", "))
	}
}

// flagError says what a flag expected, in other words than the parser of numbers.
func flagError(c *cobra.Command, err error) error {
	text := err.Error()
	if number := (*strconv.NumError)(nil); errors.As(err, &number) {
		text = strings.Replace(text, number.Error(), "expected a whole number", 1)
	}
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1 {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		text += didYouMean("--", unknown.GetSpecifiedName(), slices.Values(names))
	}
	return wrongUse(c, "%s", text)
}
