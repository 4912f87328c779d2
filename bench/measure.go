package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	quiver "github.com/quiver-features/quiver/sdk/go"
)

// figures are a store's column of the table.
type figures [7]string

func figureNames() figures {
	return figures{
		"materialize, first run", "keys a second", "bytes a key",
		"1 entity × 10 features, p50", "p99", "requests a second, one client", "requests a second, several clients",
	}
}

func (c config) measure(ctx context.Context, env string, redis *server) (figures, error) {
	var f figures
	before, err := redis.memory(ctx)
	if err != nil {
		return f, err
	}
	started := time.Now()
	out, err := c.command(ctx, env, "-o", "json", "materialize")
	if err != nil {
		return f, err
	}
	took := time.Since(started)
	var runs []struct {
		Written int64 `json:"written"`
		Bytes   int64 `json:"bytes"`
	}
	if err := json.Unmarshal([]byte(out), &runs); err != nil || len(runs) == 0 || runs[0].Written == 0 {
		return f, fmt.Errorf("nothing was materialized: %w\n%s", errors.Join(err), out)
	}
	keys := runs[0].Written
	f[0], f[1] = fmt.Sprintf("%.2f s", took.Seconds()), fmt.Sprintf("%.0f", float64(keys)/took.Seconds())
	f[2] = fmt.Sprintf("%d written", runs[0].Bytes/keys)
	if env == "redis" {
		after, err := redis.memory(ctx)
		if err != nil {
			return f, err
		}
		f[2] = fmt.Sprintf("%d in memory", (after-before)/keys)
	}
	err = c.latency(ctx, env, &f)
	return f, err
}

// latency starts a server and asks it for one random key at a time.
func (c config) latency(ctx context.Context, env string, f *figures) error {
	serve := exec.CommandContext(ctx, c.quiver, "-C", c.folder, "--env", env, "serve", "--grpc", "127.0.0.1:0", "--http", "", "--log-format", "text") //nolint:gosec // the binary that the user named
	told, err := serve.StderrPipe()
	if err != nil {
		return err
	}
	if err := serve.Start(); err != nil {
		return err
	}
	defer func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		_ = serve.Wait()
	}()
	address, lines := "", bufio.NewScanner(told)
	for lines.Scan() {
		if _, a, ok := strings.Cut(lines.Text(), "msg=listening grpc="); ok {
			address = a
		}
		if strings.Contains(lines.Text(), "msg=ready") {
			break
		}
	}
	if address == "" {
		return errors.New("the server did not start")
	}
	if _, _, err := c.ask(ctx, address, 1, c.requests/10); err != nil { // warm up
		return err
	}
	times, rate, err := c.ask(ctx, address, 1, c.requests)
	if err != nil {
		return err
	}
	f[3], f[4], f[5] = micros(times, 50), micros(times, 99), fmt.Sprintf("%.0f", rate)
	_, rate, err = c.ask(ctx, address, c.clients, c.requests)
	f[6] = fmt.Sprintf("%.0f", rate)
	return err
}

// ask sends n requests from several clients, and gives the time of each, sorted,
// and requests a second.
func (c config) ask(ctx context.Context, address string, clients, n int) ([]time.Duration, float64, error) {
	client, err := quiver.Dial(address, quiver.Options{})
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = client.Close() }()
	times, errs := make([][]time.Duration, clients), make([]error, clients)
	started := time.Now()
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 3)) //nolint:gosec // the same keys each time
			for range n / clients {
				began := time.Now()
				_, err := client.GetOnlineFeatures(ctx, quiver.Request{
					Features: []string{"stats:*"},
					Keys:     quiver.Columns{"user_id": quiver.Int64s(rng.Int64N(int64(c.keys)))},
				})
				if err != nil {
					errs[i] = err
					return
				}
				times[i] = append(times[i], time.Since(began))
			}
		})
	}
	group.Wait()
	rate := float64(n) / time.Since(started).Seconds()
	all := slices.Concat(times...)
	slices.Sort(all)
	return all, rate, errors.Join(errs...)
}

func micros(sorted []time.Duration, percentile int) string {
	return fmt.Sprintf("%d µs", sorted[(len(sorted)-1)*percentile/100].Microseconds())
}
