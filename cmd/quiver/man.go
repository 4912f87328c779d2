package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write the manual pages",
		Long: `Writes one page of the manual for each command into a folder, which is made where it
is missing: quiver.1, quiver-train.1 and so on. Pages of an earlier version are replaced.
Their date is that of the commit which the binary was built from.`,
		Example: `  quiver man ~/.local/share/man/man1 && man quiver-train
  quiver man man && man -l man/quiver.1`,
		Args: exactly("FOLDER"),
		RunE: func(c *cobra.Command, args []string) error {
			written, err := a.writeManual(c.Root(), args[0])
			if err != nil {
				return fmt.Errorf("man: %w", err)
			}
			return a.print(written, func() error {
				return a.printText(fmt.Sprintf("wrote %s to %s\n", plural(len(written), "page", "pages"), args[0]))
			})
		},
	}
}

// writeManual writes the pages of a command and of those below it, and gives the
// names of the files.
func (a *app) writeManual(c *cobra.Command, folder string) ([]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // manual pages are for everybody
		return nil, err
	}
	name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
	page, err := manualPage(c, thisBuild())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), page, 0o644); err != nil { //nolint:gosec // as above
		return nil, err
	}
	written := []string{name}
	for _, child := range c.Commands() {
		if !child.IsAvailableCommand() {
			continue
		}
		names, err := a.writeManual(child, folder)
		if err != nil {
			return nil, err
		}
		written = append(written, names...)
	}
	return written, nil
}

// manualPage renders the page of a command in roff.
func manualPage(c *cobra.Command, b build) ([]byte, error) {
	made := b.time()
	c.DisableAutoGenTag = true // no section about the generator
	header := &doc.GenManHeader{Section: "1", Date: &made, Source: "quiver " + b.Version, Manual: "Quiver"}
	var page bytes.Buffer
	if err := doc.GenMan(c, header, &page); err != nil {
		return nil, err
	}
	return page.Bytes(), nil
}
