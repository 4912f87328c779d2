// Package measure runs a program and tells what it cost: time, processor, memory, bytes read.
//
// A program is not started by the measuring process itself but by a small launcher (the same binary with Launch as
// its first argument): on Linux a process's peak memory begins with that of the process that started it, and the
// measuring process holds data of its own.
package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// Launch is the first argument that makes a binary the launcher: main calls Launcher then, and nothing else.
const Launch = "measure-launch"

// Cost is what one run of a program used, its own children included.
type Cost struct {
	Wall time.Duration // from start to exit
	CPU  time.Duration // user and system
	Peak int64         // greatest resident memory in bytes; 0 where the system does not tell
	Read int64         // bytes that it asked for by read and its kin, cached or not; memory maps are not counted; 0 where the system does not tell
	// Limited tells that a cgroup held the program to Command.Memory.
	Limited bool
}

// Command is a program to run. The zero Folder is the current one.
type Command struct {
	Args   []string // the program and its arguments
	Folder string
	Memory int64 // bytes that a cgroup is to hold it to, 0 for none; where no cgroup can be made it runs free
}

// Run runs a program to its end and gives its cost and what it wrote to standard output. A program that fails is an
// error with what it wrote to standard error.
func Run(ctx context.Context, c Command) (Cost, []byte, error) {
	var cost Cost
	self, err := os.Executable()
	if err != nil {
		return cost, nil, err
	}
	request, err := json.Marshal(c)
	if err != nil {
		return cost, nil, err
	}
	told, answer, err := os.Pipe()
	if err != nil {
		return cost, nil, err
	}
	defer func() { _ = told.Close() }()
	launcher := exec.CommandContext(ctx, self, Launch, string(request)) //nolint:gosec // this binary itself
	launcher.Dir, launcher.ExtraFiles = c.Folder, []*os.File{answer}
	launcher.Cancel = func() error { return launcher.Process.Signal(os.Interrupt) }
	launcher.WaitDelay = 10 * time.Second
	var complaint strings.Builder
	launcher.Stderr = &complaint
	out, err := launcher.Output()
	_ = answer.Close()
	if err != nil {
		return cost, nil, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), errors.Join(err, ctx.Err()), complaint.String())
	}
	if err := json.NewDecoder(told).Decode(&cost); err != nil {
		return cost, nil, fmt.Errorf("%s: no cost was told: %w", c.Args[0], err)
	}
	return cost, out, nil
}

// Launcher runs the command of its one argument, tells the cost to file descriptor 3, and gives the exit code.
func Launcher(ctx context.Context, args []string) int {
	var c Command
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &c) != nil || len(c.Args) == 0 {
		fmt.Fprintln(os.Stderr, "bench:", Launch, "is the benchmark's own command")
		return 2
	}
	cost, err := launch(ctx, c)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := json.NewEncoder(os.NewFile(3, "cost")).Encode(cost); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func launch(ctx context.Context, c Command) (cost Cost, err error) {
	cmd := exec.CommandContext(ctx, c.Args[0], c.Args[1:]...) //nolint:gosec // the program to measure
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if c.Memory > 0 {
		leave, err := limit(cmd, c.Memory)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) {
			return cost, err
		}
		cost.Limited = err == nil
		defer leave()
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return cost, err
	}
	cost.Read = readBeforeReaping(cmd.Process.Pid)
	err = cmd.Wait()
	cost.Wall = time.Since(began)
	cost.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	cost.Peak = peak(cmd.ProcessState)
	return cost, err
}
