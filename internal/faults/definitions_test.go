package faults_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// definitions is what a file of definitions may hold. It is the command validate that is asked; plan and apply
// read by the same code, and the last cases show that they stop, too.
func (b *bench) definitions(t *testing.T) {
	const at = "features/bad.yaml"
	validate := process{args: []string{"validate"}}
	entity := func(name string) string {
		return "kind: entity\nname: " + name + "\nkeys: [{name: k, type: int64}]\n"
	}
	var table []fault
	bad := func(name, text string, says ...string) {
		table = append(table, fault{
			name: name, process: validate, code: 1, says: append([]string{at + ":"}, says...),
			before: func(s *scene) { s.write(at, text) },
		})
	}
	bad("text", "not a definition", ":1:1")
	bad("a list", "- kind: entity\n", ":1:1")
	bad("a NUL", "kind: entity\nname: a\x00b\n", ":2:8", "UTF-8 text")
	bad("an escaped NUL", "kind: entity\nname: \"a\\0b\"\nkeys: [{name: k, type: int64}]\n", ":2:7")
	bad("a control character", "kind: entity\nname: a\x1b[31m\n", ":2:8")
	bad("no UTF-8", "kind: entity\nname: \xff\xfe\n", ":2:7", "UTF-8")
	bad("UTF-16", "\xff\xfek\x00i\x00n\x00d\x00", ":1:1", "UTF-16")
	bad("an unclosed list", "kind: entity\nname: a\nkeys: [{name: k, type: int64}\n")
	bad("a tab", "kind: entity\nname: a\nkeys:\n\t- {name: k, type: int64}\n", ":4:")
	bad("an unknown field", "kind: entity\nname: a\nkey: 1\nkeys: [{name: k, type: int64}]\n", ":3:1", `"keys"`)
	bad("an unknown kind", "kind: entitty\nname: a\n", ":1:7", "entity")
	bad("a field twice", "kind: entity\nname: a\nname: b\nkeys: [{name: k, type: int64}]\n", ":3:1")
	bad("a name twice", entity("customer"), ":2:7", "customer")
	bad("a name of a path", entity("../../etc/passwd"), ":2:7")
	bad("a name of 100,000 letters", entity(strings.Repeat("n", 100_000)), ":2:7")
	bad("a number that is no name", entity("12345678901234567890123456789"), ":2:7")
	bad("a merge key", "a: &a {kind: entity}\n<<: *a\nname: x\n")
	bad("a tag of another language", "kind: !!python/object/apply:os.system [echo]\nname: a\n", ":1:7")
	bad("an anchor in itself", "kind: entity\nname: a\nkeys: &k [*k]\n", ":3:")
	bad("a bomb of anchors", "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"+
		"e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nh: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\nkind: *h\n")
	bad("nested 100,000 deep", "kind: "+strings.Repeat("[", 100_000)+"\n")
	bad("nested 10,000 maps deep", "kind: "+strings.Repeat("{a: ", 10_000)+"\n")
	bad("10,000 documents without a kind", strings.Repeat("---\nname: x\n", 10_000))
	bad("10,000 wrong fields", "kind: entity\nname: a\nkeys: [{name: k, type: int64}]\n"+repeat(10_000, func(i int) string { return fmt.Sprintf("x%d: 1\n", i) }))
	bad("a ttl beyond time", "kind: view\nname: v\nentities: [customer]\nsource: orders\nttl: 99999999999999999999d\nfeatures: [{name: amount}]\n", ":5:6", "ttl")
	bad("a negative ttl", "kind: view\nname: v\nentities: [customer]\nsource: orders\nttl: -1d\nfeatures: [{name: amount}]\n", ":5:6")
	bad("a type of lists of lists", "kind: entity\nname: a\nkeys: [{name: k, type: "+strings.Repeat("list<", 1000)+"}]\n", ":3:")
	bad("a view of nothing that is there", "kind: view\nname: v\nentities: [custmer]\nsource: order\nfeatures: [{name: amount}]\n", ":3:", `"customer"`, ":4:", `"orders"`)

	source := func(path string) string {
		return "kind: source\nname: s\nparquet: " + path + "\nevent_timestamp: t\n"
	}
	for _, path := range []string{"../../../../etc/passwd", "a/../../b", `"..\u002f..\u002fetc"`, "./../x.parquet", `'\../x'`} {
		bad("a source at "+strings.ReplaceAll(path, "/", "|"), source(path), ":3:", "data")
	}
	bad("a source without a path", source(`""`), ":3:")
	bad("a source of a NUL", source(`"a\0b"`), ":3:")
	bad("a source of many stars", source(strings.Repeat("*/", 2000)+"*"))
	table = append(
		table,
		fault{
			name: "a link out of the definitions to itself", process: validate, code: 1, says: []string{"features/bad.yaml"},
			before: func(s *scene) { s.loop(at) },
		},
		fault{
			name: "a folder in itself", process: validate, // links to folders are not followed
			before: func(s *scene) { s.check(os.Symlink("../features", s.path("features/again"))) },
		},
		fault{
			name: "a file without end", process: validate, code: 1, says: []string{at, "neither a file nor a folder"},
			before: func(s *scene) { s.check(os.Symlink("/dev/zero", s.path(at))) },
		},
		fault{
			name: "a document of 100 MB", process: validate, code: 1, says: []string{at + ":1:1", "MiB", "split"}, memory: 512,
			before: func(s *scene) {
				block := strings.Repeat("# nothing to see here at all\n", 1<<15)
				s.writeLarge(at, entity("a"), 100<<20/len(block)+1, func(int) string { return block })
			},
		},
		fault{
			name: "a million names", process: validate, code: 1, says: []string{"features/"}, memory: 1024,
			before: func(s *scene) {
				s.writeLarge(at, "kind: view\nname: many\nentities: [customer]\nsource: orders\nfeatures:\n", 1_000_000, func(i int) string { return fmt.Sprintf("- {name: f%d}\n", i) })
			},
		},
		fault{
			name: "10,000 features that no file has", process: validate, code: 1, says: []string{at}, memory: 512,
			before: func(s *scene) {
				s.write(at, "kind: view\nname: many\nentities: [customer]\nsource: orders\nfeatures:\n"+repeat(10_000, func(i int) string { return fmt.Sprintf("- {name: f%d}\n", i) }))
			},
		},
	)
	for _, command := range []string{"plan", "apply --yes", "fmt"} {
		table = append(table, fault{
			name: command + " of one error among much that is right", process: process{args: strings.Fields(command)}, code: 1, says: []string{at + ":2:7"},
			before: func(s *scene) {
				s.edit("features/shop.yaml", "What was paid", "What was paid in euros")
				s.write(at, "kind: entity\nname: [not, a, name\n")
			},
		})
	}
	table[len(table)-1].says = []string{at}
	b.run(t, append(table, projects()...))
}

// projects is what quiver.yaml may hold.
func projects() []fault {
	var table []fault
	bad := func(name, setting, value string, says ...string) {
		table = append(table, fault{
			name: "quiver.yaml: " + name, process: process{args: []string{"status"}}, code: 1, says: append([]string{"quiver.yaml"}, says...),
			before: func(s *scene) { s.setting(setting, value) },
		})
	}
	bad("a variable that is not set", "online", "${NOT_SET}", "NOT_SET", "environment")
	bad("a variable without an end", "online", `"${NOT_SET"`)
	bad("a registry of no kind", "registry", "oracle://u:"+secret+"@host/db", ":5:11", "sqlite:FILE")
	bad("a registry with a broken password", "registry", "postgres://u:"+secret+"%zz@host/db", "postgres://USER:PASSWORD@HOST")
	bad("Redis with a broken port", "online", "redis://u:"+secret+"@host:99999999", "online")
	bad("Redis with a broken password", "online", "redis://u:"+secret+"%zz@host/0", "online")
	bad("Redis with an unknown parameter", "online", "redis://u:"+secret+"@host/0?pasword="+secret, "online")
	bad("a cluster with a comma too much", "online", "redis-cluster://u:"+secret+"@a:1,,b:2", "online")
	bad("a clock of no time", "now", "yesterday", "now")
	bad("a clock beyond time", "now", "999999-01-01T00:00:00Z", "now")
	bad("a project of a path", "project", "../../etc", ":2:10")
	bad("definitions of a number", "definitions", "[[[7]]]", "definitions")
	bad("data of a list", "data", "[a, b]", "data")
	bad("a bomb of anchors", "data", "&a [*a, *a]")
	return table
}

func repeat(n int, line func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(line(i))
	}
	return b.String()
}
