package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// facts are what a reader must know to read the figures.
func (b *bench) facts(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, b.quiver, "version").Output() //nolint:gosec // the binary that the user named
	if err != nil {
		return "", fmt.Errorf("quiver version: %w", err)
	}
	quiver, _, _ := strings.Cut(strings.TrimSpace(string(version)), "\n")
	requirements, err := os.ReadFile(b.requirements)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s/%s, %d cores", time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if model := about("/proc/cpuinfo", "model name"); model != "" {
		fmt.Fprintf(&text, " of %s", model)
	}
	if memory := about("/proc/meminfo", "MemTotal"); memory != "" {
		fmt.Fprintf(&text, ", memory %s", memory)
	}
	fmt.Fprintf(&text, "; Quiver %s, %s; %s.\nScale %g, medians of %d runs.\n",
		strings.TrimPrefix(quiver, "quiver "), runtime.Version(), strings.Join(strings.Fields(string(requirements)), ", "), b.scale, b.runs)
	return text.String(), nil
}

// about gives what a file of "name: text" lines first says of a name, or "".
func about(path, name string) string {
	f, err := os.Open(path) //nolint:gosec // one of two constants
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, text, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(text)
		}
	}
	return ""
}
