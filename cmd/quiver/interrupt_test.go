package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

func TestTheSecondOfTwoAppliesIsToldToPlanAgain(t *testing.T) {
	dir := newProject(t)
	shop := filepath.Join(dir, "features", "shop.yaml")
	replace(t, shop, "What was paid", "What was paid in euros")
	in, answer := io.Pipe()
	slow := start(t.Context(), t, in, "apply? [y/N] ", "-C", dir, "apply")
	replace(t, shop, "Somebody who orders", "Somebody who pays")
	must(t, "-C", dir, "apply", "--yes")
	if _, err := io.WriteString(answer, "yes\n"); err != nil {
		t.Fatal(err)
	}
	slow.end().refused(t, exitFailed, "the registry changed since the plan was made, and nothing was applied: plan again")
	if history := must(t, "-C", dir, "history", "-o", "json"); strings.Count(history, `"number"`) != 2 {
		t.Errorf("two revisions are expected: %s", history)
	}
}

func TestWithoutAYesNothingIsApplied(t *testing.T) {
	for _, answer := range []string{"n\n", "\n", "maybe\n", ""} {
		dir := filepath.Join(t.TempDir(), "shop")
		must(t, "init", dir)
		var out, log bytes.Buffer
		code := run(t.Context(), []string{"-C", dir, "apply"}, environment{
			in: strings.NewReader(answer), out: &out, err: &log, getenv: noVariables, person: true,
		})
		outcome{code, out.String(), log.String()}.refused(t, exitFailed, "nothing was changed")
		if names := listing(t, dir); strings.Contains(names, ".quiver") {
			t.Errorf("answer %q: a registry was made: %s", answer, names)
		}
	}
}

func TestAYesApplies(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, "init", dir)
	var out, log bytes.Buffer
	code := run(t.Context(), []string{"-C", dir, "apply"}, environment{
		in: strings.NewReader("Y\n"), out: &out, err: &log, getenv: noVariables, person: true,
	})
	if code != exitDone || !strings.Contains(out.String(), "applied as revision 1") {
		t.Errorf("exit code %d\n%s%s", code, &out, &log)
	}
}

func TestAQuestionCanBeInterrupted(t *testing.T) {
	dir := newProject(t)
	replace(t, filepath.Join(dir, "features", "shop.yaml"), "What was paid", "What was paid in euros")
	ctx, cancel := context.WithCancel(t.Context())
	in, answer := io.Pipe()
	defer func() { _ = answer.Close() }()
	r := start(ctx, t, in, "apply? [y/N] ", "-C", dir, "apply")
	cancel()
	r.end().refused(t, exitFailed, "quiver: interrupted; nothing was left half-done")
	if history := must(t, "-C", dir, "history", "-o", "json"); strings.Count(history, `"number"`) != 1 {
		t.Errorf("one revision is expected: %s", history)
	}
}

// countdown is a context that ends when it has been asked often enough.
type countdown struct {
	context.Context //nolint:containedctx // it is one
	cancel          context.CancelFunc
	left            atomic.Int64
}

func newCountdown(ctx context.Context, looks int64) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancel(ctx)
	c.left.Store(looks)
	return c
}

func (c *countdown) look() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

func (c *countdown) Err() error {
	c.look()
	return c.Context.Err()
}

func (c *countdown) Done() <-chan struct{} {
	c.look()
	return c.Context.Done()
}

func TestAnInterruptedCommandLeavesNothingHalfDone(t *testing.T) {
	const most = 20_000 // looks at the context: enough for every command to end
	dir := newProject(t)
	spine := largeSpine(t, 1000)
	out := t.TempDir()
	interrupted := 0
	for looks := int64(1); ; looks = looks*5/4 + 1 {
		ctx := newCountdown(t.Context(), looks)
		got := do(ctx, "-C", dir, "train", "--spine", spine, "--service", "churn_model", "--out", filepath.Join(out, "t.parquet"))
		ctx.cancel()
		if got.code == exitDone {
			break
		}
		interrupted++
		got.refused(t, exitFailed, "quiver: interrupted")
		if names := listing(t, out); names != "" {
			t.Fatalf("interrupted at look %d: left %s\n%s", looks, names, got.err)
		}
		if looks > most {
			t.Fatal("the command does not come to its end")
		}
	}
	if names := listing(t, out); names != "t.parquet t.parquet.manifest.json" {
		t.Errorf("files %s", names)
	}
	if interrupted < 3 {
		t.Errorf("interrupted %d times only", interrupted)
	}
}

func TestAnInterruptedMaterializationIsCompletedByTheNext(t *testing.T) {
	dir := newProject(t)
	told := 0 // interrupted at work, not before it
	for looks := int64(1); ; looks = looks*5/4 + 1 {
		ctx := newCountdown(t.Context(), looks)
		got := do(ctx, "-C", dir, "materialize")
		ctx.cancel()
		if got.code == exitDone {
			break
		}
		got.refused(t, exitFailed, "quiver: interrupted")
		if strings.Contains(got.err, "written, and the next run completes it") {
			told++
		}
	}
	if told == 0 {
		t.Error("no interrupted run told what it has written")
	}
	must(t, "-C", dir, "materialize")
	values := must(t, "-C", dir, "get", "--service", "churn_model", "--key", "customer=1,4")
	for _, line := range []string{"last_order__amount  31  PRESENT  2d14h1m  99  PRESENT  8d22h47m"} {
		if !strings.Contains(values, line) {
			t.Errorf("no %q in\n%s", line, values)
		}
	}
}

func TestAClosedOutputEndsQuietlyAndTheWorkIsDone(t *testing.T) {
	dir := newProject(t)
	out := filepath.Join(t.TempDir(), "t.parquet")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	var log bytes.Buffer
	c := exec.CommandContext(t.Context(), "quiver", "-C", dir, "train", "--spine", filepath.Join(dir, "data", "labels.csv"),
		"--service", "churn_model", "--out", out)
	c.Stdout, c.Stderr = writer, &log
	if err := c.Run(); err == nil {
		t.Error("nobody read the output, and the exit code is 0")
	}
	if strings.Contains(log.String(), "quiver:") || strings.Contains(log.String(), "panic") {
		t.Errorf("not quiet: %s", &log)
	}
	if lines, err := parquetRows(out); err != nil || len(lines) != 6 {
		t.Errorf("training set: %v, %v", lines, err)
	}
}

func TestAnInterruptedApplyIsWholeOrNothingAndClaimsNeither(t *testing.T) {
	told := 0
	for looks := int64(1); ; looks = looks*9/8 + 1 {
		dir := filepath.Join(t.TempDir(), "shop")
		must(t, "init", dir)
		ctx := newCountdown(t.Context(), looks)
		got := do(ctx, "-C", dir, "apply", "--yes")
		ctx.cancel()
		if got.code == exitDone {
			break
		}
		got.refused(t, exitFailed, "quiver: interrupted")
		history := must(t, "-C", dir, "history", "-o", "json")
		if strings.Contains(got.err, "whether the registry was changed is not known: quiver history tells") {
			told++
		} else if history != "[]\n" {
			t.Errorf("interrupted at look %d: %s, and there is a revision", looks, got.err)
		}
		if strings.Contains(history, `"number"`) {
			must(t, "-C", dir, "plan", "--exit-code")
		}
	}
	if told == 0 {
		t.Error("no apply was interrupted while it was committed")
	}
}
