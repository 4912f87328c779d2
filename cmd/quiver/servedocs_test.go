package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The table of docs/serve.md has every setting, with its default.
func TestTheServersPageHasEverySetting(t *testing.T) {
	text, err := os.ReadFile("../../docs/serve.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| setting | default | what it is |\n| --- | --- | --- |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	told := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		value := strings.Trim(cells[2], " `")
		if value == "empty" {
			value = ""
		}
		for name := range strings.SplitSeq(cells[1], ",") {
			told[strings.Trim(name, " `")] = value
		}
	}
	there := map[string]string{}
	for _, s := range newServeConfig().settings {
		there[s.name] = s.value
	}
	if diff := cmp.Diff(there, told); diff != "" {
		t.Errorf("docs/serve.md (+) and the server (-) differ:\n%s", diff)
	}
}

// The commands of docs/http.md are run as they stand, and its answer and its error are
// what the server sends.
func TestTheHTTPPageShowsWhatTheServerSends(t *testing.T) {
	dir := newProject(t)
	must(t, "-C", dir, "materialize")
	w := newWalk(t, dir)
	w.serve()
	ran := w.follow("../../docs/http.md")
	if len(ran) != 2 || !strings.HasPrefix(ran[0], "curl ") || !strings.HasPrefix(ran[1], "grpcurl ") {
		t.Fatalf("%q is run", ran)
	}
	text, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(shown) != 2 {
		t.Fatalf("%d answers are shown", len(shown))
	}
	same := func(want, got string) {
		t.Helper()
		if diff := cmp.Diff(parsed(t, want), parsed(t, got)); diff != "" {
			t.Errorf("docs/http.md (-) and the server (+) differ:\n%s", diff)
		}
	}
	same(shown[0][1], w.run(ran[0]))
	same(shown[1][1], w.run(strings.NewReplacer("[1, 2, 99]", `[1, "1.5"]`, "curl ", "curl -H 'X-Request-Id: abdf08181138988a' ").Replace(ran[0])))
}

func parsed(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
