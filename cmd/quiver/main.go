// Command quiver is the feature store: it keeps definitions, builds training
// sets, materializes and serves. One file per command; this package does flags,
// configuration and wiring, and nothing else.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	goredis "github.com/redis/go-redis/v9"
	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), ends()...)
	context.AfterFunc(ctx, stop)       // a second Ctrl-C ends the process at once
	goredis.SetLogger(silence{})       // what fails is told by the error, once
	cobra.EnableCommandSorting = false // help lists commands in the order of the work
	code := run(ctx, os.Args[1:], environment{
		in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.LookupEnv,
		variables: variableNames(os.Environ()), ascii: onlyASCII(os.LookupEnv),
		person: terminal(os.Stdin), width: terminalWidth(os.Stdout),
	})
	stop()
	os.Exit(code)
}

// ends are the signals that end a command in good order. The end of its terminal is none
// where it was started to outlive that, by nohup for instance.
func ends() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

// silence drops what the Redis driver would write to standard error.
type silence struct{}

// Printf drops a line.
func (silence) Printf(context.Context, string, ...any) {}

// environment is what a command may touch outside its flags.
type environment struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	getenv func(string) (string, bool)

	variables []string // the names of all that getenv knows
	person    bool     // somebody can answer questions on in
	ascii     bool     // out takes nothing else
	width     int      // of the terminal that out is, in columns; 0: out is none
}

// variableNames gives the names in an environment of NAME=VALUE.
func variableNames(environ []string) []string {
	names := make([]string, len(environ))
	for i, assigned := range environ {
		names[i], _, _ = strings.Cut(assigned, "=")
	}
	return names
}

// run executes one command line and gives its exit code: 0 done, 1 failed, 2
// wrong use, 3 changes found, or a view that is not fresh.
func run(ctx context.Context, args []string, env environment) int {
	app := &app{env: env}
	root := app.root()
	root.SetArgs(args)
	root.SetIn(env.in)
	help := &remembering{Writer: env.out}
	root.SetOut(help)
	root.SetErr(env.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = help.err
	}
	return app.report(ctx, err)
}

// remembering is a writer that knows its first error: cobra drops those of help.
type remembering struct {
	io.Writer
	err error
}

// Write implements io.Writer.
func (r *remembering) Write(p []byte) (int, error) {
	n, err := r.Writer.Write(p)
	if r.err == nil {
		r.err = err
	}
	return n, err
}
