package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	quiver "github.com/quiver-features/quiver/sdk/go"
)

// figures are a store's column of the table: three of materialization, then four
// of each transport.
type figures [11]string

func (c config) figureNames() figures {
	names := figures{"materialize, first run", "keys a second", "bytes a key"}
	for i, transport := range []string{"gRPC", "HTTP"} {
		copy(names[3+4*i:], []string{
			transport + ", 1 entity × 10 features, p50", transport + ", p99",
			transport + ", requests a second, one client", fmt.Sprintf("%s, requests a second, %d clients", transport, c.clients),
		})
	}
	return names
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

// latency starts a server and asks it for one random key at a time, over one
// transport after the other.
func (c config) latency(ctx context.Context, env string, f *figures) error {
	serve := exec.CommandContext(ctx, c.quiver, "-C", c.folder, "--env", env, "serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-format", "text") //nolint:gosec // the binary that the user named
	told, err := serve.StderrPipe()
	if err != nil {
		return err
	}
	if err := serve.Start(); err != nil {
		return err
	}
	var reader sync.WaitGroup
	defer func() {
		_ = serve.Process.Signal(syscall.SIGTERM)
		reader.Wait()
		_ = serve.Wait()
	}()
	addresses := listening(told)
	reader.Go(func() { _, _ = io.Copy(io.Discard, told) }) // the server must not wait for someone to read its log
	if addresses["grpc"] == "" || addresses["http"] == "" {
		return errors.New("the server did not start")
	}
	client, err := quiver.Dial(addresses["grpc"], quiver.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	overGRPC := func(ctx context.Context, user int64) error {
		_, err := client.GetOnlineFeatures(ctx, quiver.Request{
			Features: []string{"stats:*"}, Keys: quiver.Columns{"user_id": quiver.Int64s(user)},
		})
		return err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: c.clients}
	defer transport.CloseIdleConnections()
	overHTTP := func(ctx context.Context, user int64) error {
		return post(ctx, &http.Client{Transport: transport}, "http://"+addresses["http"]+"/v1/features:get", user)
	}
	for i, call := range []caller{overGRPC, overHTTP} {
		if err := c.ask(ctx, call, f[3+4*i:7+4*i]); err != nil {
			return err
		}
	}
	return nil
}

// listening reads a server's log until it is ready, and gives its addresses.
func listening(log io.Reader) map[string]string {
	addresses, ready := map[string]string{}, 0
	for lines := bufio.NewScanner(log); ready < 2 && lines.Scan(); {
		_, text, _ := strings.Cut(lines.Text(), "msg=")
		if name, address, ok := strings.Cut(strings.TrimPrefix(text, "listening "), "="); ok && strings.HasPrefix(text, "listening ") {
			addresses[name] = address
		}
		if strings.HasPrefix(text, "ready ") {
			ready++
		}
	}
	return addresses
}

// caller asks for the features of one user.
type caller func(ctx context.Context, user int64) error

// post asks over HTTP, and reads the answer as a client would.
func post(ctx context.Context, client *http.Client, url string, user int64) error {
	body := `{"features":["stats:*"],"keys":{"user_id":[` + strconv.FormatInt(user, 10) + `]}}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	var answer struct {
		Features []struct {
			Name     string
			Values   []*float64
			Statuses []string
		}
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if len(answer.Features) != 10 {
		return fmt.Errorf("not ten features: %s", text)
	}
	return nil
}

// ask measures one transport: p50, p99, requests a second of one client and of
// several.
func (c config) ask(ctx context.Context, call caller, f []string) error {
	if _, _, err := c.send(ctx, call, 1, c.requests/10); err != nil { // warm up
		return err
	}
	times, rate, err := c.send(ctx, call, 1, c.requests)
	if err != nil {
		return err
	}
	f[0], f[1], f[2] = micros(times, 50), micros(times, 99), fmt.Sprintf("%.0f", rate)
	_, rate, err = c.send(ctx, call, c.clients, c.requests)
	f[3] = fmt.Sprintf("%.0f", rate)
	return err
}

// send sends n requests from several clients, and gives the time of each, sorted,
// and requests a second.
func (c config) send(ctx context.Context, call caller, clients, n int) ([]time.Duration, float64, error) {
	times, errs := make([][]time.Duration, clients), make([]error, clients)
	started := time.Now()
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 3)) //nolint:gosec // the same keys each time
			for range n / clients {
				began := time.Now()
				if errs[i] = call(ctx, rng.Int64N(int64(c.keys))); errs[i] != nil {
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
