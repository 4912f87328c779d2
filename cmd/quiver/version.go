package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
)

// What the build passes in. A binary that was built otherwise (go install, go run)
// has what Go noted in it.
var (
	version = "" // of a release, or dev-HASH
	commit  = "" //nolint:gochecknoglobals // its full hash; the linker sets it
	date    = "" //nolint:gochecknoglobals // of the commit, as in 2026-01-31T12:00:00Z; likewise
)

// build says what a binary is made of; what is not known is empty.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit,omitzero"`
	Date     string `json:"date,omitzero"` // of the commit, UTC
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version, Commit: commit, Date: date, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		b.Version = info.Main.Version
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Date = s.Value
			}
		}
	}
	if b.Version == "" || b.Version == "(devel)" {
		b.Version = "dev"
	}
	return b
}

// time gives the date of the commit; where it is not known, the epoch, so that the
// same source always makes the same pages.
func (b build) time() time.Time {
	t, err := time.Parse(time.RFC3339, b.Date)
	if err != nil {
		return time.Unix(0, 0).UTC()
	}
	return t.UTC()
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: `  quiver version
  quiver version -o json            # with the commit and the version of Go`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			return a.print(b, func() error {
				_, err := fmt.Fprintln(a.env.out, "quiver", b.Version)
				return err
			})
		},
	}
}
