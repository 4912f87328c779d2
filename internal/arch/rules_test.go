package arch

// A rule says what the packages of one pattern may import beside the standard library.
//
// Patterns of packages are paths below the module's root: "online/redis" is that package, "online/*" any direct
// child, "online/..." the package and all below it, "*test" as a last element any name that ends so, and "..."
// everything. Third-party patterns are prefixes of import paths, cut at slashes; "*" is anything.
type rule struct {
	pkg   string
	ours  []string // packages of this module
	third []string // other modules, beyond those in anywhere
	why   string   // the sentence that a violation is answered with
}

const (
	arrow      = "github.com/apache/arrow/go/v17"
	brotli     = "github.com/andybalholm/brotli"
	cel        = "cel.dev/cel-go"
	cobra      = "github.com/spf13/cobra"
	compress   = "github.com/klauspost/compress"
	cron       = "github.com/adhocore/gronx"
	genproto   = "google.golang.org/genproto"
	goRedis    = "github.com/redis/go-redis/v9"
	grpc       = "google.golang.org/grpc"
	jsonSchema = "github.com/google/jsonschema-go"
	parquetGo  = "github.com/parquet-go/parquet-go"
	pgx        = "github.com/jackc/pgx/v5"
	prometheus = "github.com/prometheus/client_golang"
	protobuf   = "google.golang.org/protobuf"
	sqlite     = "modernc.org/sqlite"
	xsys       = "golang.org/x/sys"
	yaml       = "go.yaml.in/yaml/v4"

	module = "github.com/quiver-features/quiver"
)

// anywhere lists the small modules that every package but feature may use.
func anywhere() []string {
	return []string{"golang.org/x/sync", "github.com/google/uuid", "github.com/cespare/xxhash/v2"}
}

// testOurs and testThird are what the test files of every package may import beyond its rule.
func testOurs() []string {
	return []string{"feature", "*/*test", "internal/testenv"}
}

func testThird() []string {
	return []string{
		"github.com/google/go-cmp",
		"github.com/rogpeppe/go-internal",
		"go.uber.org/goleak",
		"pgregory.net/rapid",
		prometheus + "/prometheus/testutil",
	}
}

// testExtra is what the tests of single packages need beside that: what they serve or start is used for real.
func testExtra() map[string][]string {
	return map[string][]string{
		"internal/rpc":     {"proto/..."},
		"offline/inmemory": {"offline/parquet"},
		"online/serving":   {"feature/tiles"},
		"internal/testenv": {goRedis, pgx},
	}
}

// integration lists the packages whose test files may import anything: they put the parts together.
func integration() []string {
	return []string{"cmd/...", "examples/...", "bench/...", "internal/equivalence", "internal/faults"}
}

func rules() []rule {
	const (
		leaf       = "feature is a leaf: it imports the standard library only"
		concept    = "registry, offline, online and materialize know feature and never one another; they meet in cmd"
		technology = "a technology knows its parent, feature and its one driver, never a sibling; technologies meet in cmd"
		suite      = "a conformance suite knows the contract that it tests, not the implementations"
		wire       = "protobuf stays at the edge: only cmd, sdk, */api and online/serving see proto"
		support    = "internal packages know nothing of the stores"
	)
	return []rule{
		{"feature", nil, nil, leaf},
		{"feature/expression", []string{"feature"}, []string{cel}, "expressions know the vocabulary and CEL's parser, and no side of the store"},
		{"feature/derived", []string{"feature", "feature/expression"}, nil, "plans of expressions know the vocabulary and no side of the store"},
		{"feature/aggregate", []string{"feature"}, nil, "the states of aggregates know the vocabulary and no side of the store"},
		{"feature/tiles", []string{"feature", "feature/aggregate"}, nil, "tiles know the states that they keep and no side of the store"},

		{"registry", []string{"feature", "feature/aggregate", "feature/expression", "feature/tiles"}, []string{cron}, concept},
		{"registry/registrytest", []string{"registry", "feature"}, testThird(), suite},
		{"registry/definition", []string{"registry", "feature"}, []string{yaml, cron, jsonSchema}, "the YAML loader knows feature, YAML and cron"},
		{"registry/snapshotfile", []string{"registry", "feature"}, nil, "a snapshot file holds a registry's state and nothing else"},
		{"registry/sqlite", []string{"registry", "feature"}, []string{sqlite}, technology},
		{"registry/postgres", []string{"registry", "feature"}, []string{pgx}, technology},

		{"offline", []string{"feature", "feature/aggregate", "feature/derived", "feature/tiles", "offline/arrowconv", "offline/window", "offline/atomicfile"}, []string{arrow, xsys}, concept},
		{"offline/window", []string{"feature", "feature/aggregate"}, nil, "window computes aggregates of events that it is handed, and reads nothing"},
		{"offline/offlinetest", []string{"offline", "offline/arrowconv", "feature", "feature/expression", "internal/testenv"}, append(testThird(), arrow, cel, parquetGo), suite},
		{"offline/arrowconv", []string{"feature"}, []string{arrow}, "arrowconv turns columns to and from Arrow and knows nothing else"},
		{"offline/atomicfile", []string{"feature"}, []string{xsys}, "atomicfile gives whole files their names and knows nothing of what is in them"},
		{"offline/parquet", []string{"offline", "offline/arrowconv", "offline/atomicfile", "feature"}, []string{parquetGo, brotli, compress, arrow, xsys}, technology},
		{"offline/ipc", []string{"offline", "offline/arrowconv", "offline/atomicfile", "feature"}, []string{arrow, compress}, technology},
		{"offline/eventspine", []string{"offline", "offline/arrowconv", "feature"}, []string{arrow}, "eventspine makes spines of what views hold and knows no format"},
		{"offline/featuretest", []string{"offline", "offline/inmemory", "feature"}, []string{yaml, jsonSchema}, "featuretest runs examples that users write, on the engine, and knows no registry"},
		{"offline/inmemory", []string{"offline", "offline/arrowconv", "feature"}, []string{arrow}, "inmemory has rows that no file holds, and knows no format"},
		{"offline/sample", []string{"offline", "offline/arrowconv", "feature"}, []string{arrow}, "sample takes rows of any spine and knows no format"},
		{"offline/profile", []string{"offline", "offline/sample", "feature"}, []string{arrow}, "profile describes columns and knows no format"},
		{"offline/dataset", []string{"offline", "offline/arrowconv", "offline/atomicfile", "feature"}, []string{arrow}, "dataset puts files of any format into folders"},
		{"offline/csv", []string{"offline", "offline/arrowconv", "offline/atomicfile", "feature"}, []string{arrow}, technology},

		{"online", []string{"feature", "feature/tiles"}, nil, concept},
		{"online/onlinetest", []string{"online", "feature", "feature/tiles", "internal/testenv"}, testThird(), suite},
		{"online/redis", []string{"online", "feature"}, []string{goRedis}, technology},
		{"online/sqlite", []string{"online", "feature"}, []string{sqlite}, technology},
		{"online/serving/...", []string{"online", "online/serving/...", "feature", "feature/derived", "proto/...", "internal/rpc"}, []string{grpc, protobuf, genproto, prometheus}, wire},

		{"materialize", []string{"feature", "feature/aggregate"}, nil, concept},

		{"proto/...", nil, []string{grpc, protobuf}, "generated code knows the protobuf runtime only"},
		{"sdk/go/...", []string{"proto/...", "sdk/go/..."}, []string{grpc, protobuf, genproto}, "a client knows the wire contract and nothing of the server"},

		{"internal/arch", nil, nil, support},
		{"internal/equivalence", []string{"..."}, []string{arrow}, "the equivalence of both sides is checked on the real parts"},
		{"internal/faults", nil, nil, "faults are met by the real binary; only tests put it and its surroundings together"},
		{"internal/rpc", []string{"feature"}, []string{grpc, protobuf, genproto, prometheus}, support},
		{"internal/schematest", nil, []string{yaml, jsonSchema}, support},
		{"internal/testenv", nil, []string{xsys}, support},

		{"cmd/...", []string{"..."}, []string{"*"}, "cmd wires everything"},
		{"bench/...", []string{"..."}, []string{"*"}, "bench puts the parts together"},
		{"examples/*/extract", nil, []string{parquetGo}, "the program that cuts an example's data reads and writes Parquet, without Quiver"},
		{"examples/*/leak", nil, []string{parquetGo}, "what a leak is worth is told by a training set alone"},
		{"examples/...", []string{"sdk/go/...", "proto/...", "feature"}, []string{grpc}, "an example uses what a user would"},
	}
}
