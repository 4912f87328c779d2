package faults_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	parquetgo "github.com/parquet-go/parquet-go"
)

// label is a row of a spine.
type label struct {
	Customer int64     `parquet:"customer"`
	At       time.Time `parquet:"event_timestamp,timestamp(microsecond)"`
	Churned  bool      `parquet:"churned"`
}

// labels gives a good Parquet spine, for others to spoil.
func labels(t *testing.T, options ...parquetgo.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquetgo.NewGenericWriter[label](&b, options...)
	_, err := w.Write(make([]label, 1000))
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// train is the command with another spine and output.
func train(spine, out string, more ...string) process {
	return process{args: append([]string{"train", "--spine", spine, "--service", "churn_model", "--out", out}, more...)}
}

// files is what spines, sources and the flags that name them may be.
func (b *bench) files(t *testing.T) {
	b.run(t, spines(t))
	b.run(t, sources(t))
	b.run(t, requests())
}

func spines(t *testing.T) []fault {
	good := labels(t)
	var table []fault
	bad := func(name, file, text string, code int, says ...string) {
		table = append(table, fault{
			name: "a spine " + name, process: train(file, "t.parquet"), code: code, says: append([]string{file}, says...),
			before: func(s *scene) {
				if text != "" {
					s.write(file, text)
				}
			},
		})
	}
	const header = "customer,event_timestamp\n"
	bad("that is not there", "nothing.csv", "", 1, "does not exist")
	bad("of no known kind", "spine.xls", "x", 2, ".parquet", ".csv")
	bad("of one byte", "s.csv", "\n", 1)
	bad("without a time", "s.csv", "customer,x\n1,2\n", 1, "--event-timestamp")
	bad("without the key", "s.csv", "custmer,event_timestamp\n1,2026-01-01T00:00:00Z\n", 1, "customer")
	bad("with a column twice", "s.csv", "customer,customer,event_timestamp\n1,1,2026-01-01T00:00:00Z\n", 1, "customer")
	bad("with a column that a feature has", "s.csv", "customer,event_timestamp,last_order__amount\n1,2026-01-01T00:00:00Z,1\n", 1, "last_order__amount")
	bad("with too few fields", "s.csv", header+"1,2026-01-01T00:00:00Z\n2\n", 1, "s.csv:3")
	bad("with an open quote", "s.csv", header+"1,\"2026-01-01T00:00:00Z\n", 1, "s.csv:")
	bad("with a NUL", "s.csv", header+"1\x00,2026-01-01T00:00:00Z\n", 1, "s.csv:2")
	bad("of zeros", "s.csv", strings.Repeat("\x00", 4096), 1, "s.csv")
	bad("that is no UTF-8", "s.csv", header+"\xff\xfe,2026-01-01T00:00:00Z\n", 1, "s.csv:2")
	bad("with a text as key", "s.csv", header+"one,2026-01-01T00:00:00Z\n", 1, "s.csv:2", "customer", "int64")
	bad("with a key too great", "s.csv", header+"9223372036854775808,2026-01-01T00:00:00Z\n", 1, "s.csv:2", "int64")
	bad("with a time of no calendar", "s.csv", header+"1,2026-02-30T00:00:00Z\n", 1, "s.csv:2", "event_timestamp")
	bad("with a header alone that is Parquet", "s.csv", "PAR1"+strings.Repeat("\x01", 100), 1, "s.csv")
	bad("with a field of 100 KB of control characters", "s.csv", header+"\""+strings.Repeat("\x1b[2J", 25_000)+"\",2026-01-01T00:00:00Z\n", 1, "s.csv:2")
	bad("of text called Parquet", "s.parquet", header, 1, "no Parquet file")
	bad("of Parquet cut short", "s.parquet", string(good[:len(good)/2]), 1, "cut short")
	bad("of Parquet with a huge footer", "s.parquet", string(good[:len(good)-8])+"\xff\xff\xff\x7fPAR1", 1)
	bad("of Parquet with a footer of zeros", "s.parquet", string(good[:len(good)-108])+strings.Repeat("\x00", 100)+string(good[len(good)-8:]), 1)
	for at := 4; at < 60; at += 7 {
		spoiled := bytes.Clone(good)
		copy(spoiled[at:], "\xff\xff\xff\xff\xff\xff\xff")
		bad(fmt.Sprintf("of Parquet with damaged bytes at %d", at), "s.parquet", string(spoiled), 1)
	}
	for name, put := range map[string]func(*scene, string){"a pipe": (*scene).fifo, "a folder": (*scene).folder, "a link to itself": (*scene).loop} {
		for _, file := range []string{"s.csv", "s.parquet"} {
			table = append(table, fault{
				name: name + " as spine " + file, process: train(file, "t.parquet"), code: 1, says: []string{file},
				before: func(s *scene) { put(s, file) },
			})
		}
	}
	return append(
		table,
		fault{
			name: "a spine that nobody may read", process: process{args: train("data/labels.csv", "t.parquet").args, asNobody: true}, code: 1,
			says: []string{"labels.csv", "permission"}, before: func(s *scene) { s.chmod("data/labels.csv", 0) },
		},
		fault{
			name: "a line of 100 MB", process: train("s.csv", "t.parquet"), code: 1, says: []string{"s.csv"}, memory: 1024,
			before: func(s *scene) {
				s.writeLarge("s.csv", header, 100, func(int) string { return strings.Repeat("1", 1<<20) })
			},
		},
		fault{
			name: "a million names of columns", process: train("s.csv", "t.parquet"), code: 1, says: []string{"s.csv"}, memory: 1024,
			before: func(s *scene) {
				s.writeLarge("s.csv", header[:9], 1_000_000, func(i int) string { return fmt.Sprintf("c%d,", i) })
			},
		},
	)
}

func sources(t *testing.T) []fault {
	type order struct {
		Customer  string  `parquet:"customer"`
		OrderedAt int64   `parquet:"ordered_at"`
		Amount    float64 `parquet:"amount"`
	}
	var drifted bytes.Buffer
	if err := parquetgo.Write(&drifted, []order{{"x", 1, 2}}); err != nil {
		t.Fatal(err)
	}
	const data = "data/orders.parquet"
	var table []fault
	for _, command := range []string{"materialize", "train --spine data/labels.csv --service churn_model --out t.parquet"} {
		p := process{args: strings.Fields(command)}
		may := []string{".quiver"} // the run's record says that it failed
		if p.args[0] == "train" {
			may = nil
		}
		table = append(
			table,
			fault{
				name: p.args[0] + " of a source of other columns", process: p, code: 1, says: []string{"orders.parquet", "customer"}, changes: may,
				before: func(s *scene) { s.write(data, drifted.String()) },
			},
			fault{
				name: p.args[0] + " of a file that landed broken beside a good one", process: p, code: 1, says: []string{"broken.parquet"}, changes: may, state: fresh,
				before: func(s *scene) {
					s.edit("features/shop.yaml", "parquet: orders.parquet", `parquet: "*.parquet"`)
					if got := s.run(process{args: []string{"apply", "--yes"}}); got.code != 0 {
						s.t.Fatal(got.err)
					}
					s.write("data/broken.parquet", s.read(data)[:500])
				},
			},
		)
	}
	return table
}

// requests is what flags may hold.
func requests() []fault {
	var table []fault
	bad := func(code int, says []string, args ...string) {
		name := strings.ToValidUTF8(strings.Join(args, " "), "?")
		table = append(table, fault{name: fmt.Sprintf("%.100q", name), process: process{args: args}, code: code, says: says})
	}
	get := func(code int, says []string, args ...string) { bad(code, says, append([]string{"get"}, args...)...) }
	get(2, []string{"--service", "--features"})
	get(2, nil, "--service", "churn_model", "--features", "last_order:*", "--key", "customer=1")
	get(1, []string{`"churn_model"`}, "--service", "churn_mdoel", "--key", "customer=1")
	get(2, []string{"churn_model"}, "--service", "churn_model@99999999999999999999", "--key", "customer=1")
	get(2, []string{"churn_model"}, "--service", "churn_model@0", "--key", "customer=1")
	get(2, []string{"customer"}, "--service", "churn_model")
	get(2, []string{"customer", "int64"}, "--service", "churn_model", "--key", "customer=one")
	get(2, []string{"customer", "int64"}, "--service", "churn_model", "--key", "customer=99999999999999999999")
	get(2, []string{"customer"}, "--service", "churn_model", "--key", "custmer=1")
	get(2, nil, "--service", "churn_model", "--key", "customer")
	get(2, nil, "--service", "churn_model", "--key", "customer=\xff\x1b[31m")
	get(1, []string{"last_order"}, "--features", "last_ordr:amount", "--key", "customer=1")
	get(1, []string{"amount"}, "--features", "last_order:amuont", "--key", "customer=1")
	get(1, nil, "--service", "churn_model", "--server", "127.0.0.1:1", "--key", "customer=1")
	bad(2, []string{"--memory"}, append(train("data/labels.csv", "t.parquet").args, "--memory", "-1")...)
	bad(2, []string{"--memory"}, append(train("data/labels.csv", "t.parquet").args, "--memory", "99999999999999999999TiB")...)
	bad(1, []string{"nothing", "--event-timestamp"}, append(train("data/labels.csv", "t.parquet").args, "--event-timestamp", "nothing")...)
	bad(2, []string{".parquet"}, train("data/labels.csv", "t.txt").args...)
	bad(1, []string{"nowhere"}, train("data/labels.csv", "nowhere/t.parquet").args...)
	bad(1, []string{"labels.csv"}, train("data/labels.csv", "data/labels.csv/t.parquet").args...)
	bad(2, []string{"source orders"}, append(train("data/labels.csv", "data/orders.parquet").args, "--force")...)
	bad(2, []string{"source orders"}, train("data/labels.csv", "data/orders.parquet").args...)
	bad(1, []string{"file name too long"}, train("data/labels.csv", strings.Repeat("t", 300)+".parquet").args...)
	bad(2, []string{"--limit"}, "history", "--limit", "-1")
	bad(2, []string{"--limit"}, "search", "amount", "--limit", "many")
	bad(1, nil, "describe", "churn_mdoel")
	bad(1, nil, "promote", "churn_model@7")
	bad(2, nil, "promote", "churn_model@-1")
	bad(1, nil, "diff", "0", "7")
	bad(2, nil, "diff", "a", "b")
	bad(1, nil, "rollback", "7", "--yes")
	bad(2, nil, "rollback", "99999999999999999999", "--yes")
	bad(1, []string{"last_order"}, "materialize", "last_ordr")
	bad(2, []string{"--to"}, "materialize", "--to", "yesterday")
	bad(2, []string{"--max-rows"}, "serve", "--max-rows", "0")
	bad(2, []string{"--grpc"}, "serve", "--grpc", "nowhere")
	bad(2, []string{"--grpc"}, "serve", "--grpc", "127.0.0.1:99999")
	bad(1, []string{"192.0.2.1:0"}, "serve", "--grpc", "192.0.2.1:0")
	bad(2, []string{"--store-timeout"}, "serve", "--store-timeout", "-1s")
	bad(2, []string{"nothing.yaml"}, "serve", "--config", "nothing.yaml")
	bad(2, []string{"orders.parquet:1:"}, "serve", "--config", "data/orders.parquet")
	bad(1, []string{"nothing.pem"}, "serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--tls-cert", "nothing.pem", "--tls-key", "nothing.pem")
	bad(1, []string{"quiver.yaml"}, "init", ".")
	bad(1, []string{"labels.csv"}, "init", "data/labels.csv")
	bad(1, []string{"labels.csv"}, "man", "data/labels.csv")
	bad(2, nil, "completion", "cmd.exe")
	bad(2, nil, "schema", "everything")
	bad(1, nil, "fmt", "/dev/zero")
	return table
}
