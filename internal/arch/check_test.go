package arch

import (
	"fmt"
	"slices"
	"strings"
)

// edge is one import: from a package of ours, written below the module's root, to any import path.
type edge struct {
	from   string
	to     string
	inTest bool
}

// check returns why an edge is not allowed, or "".
func check(e edge) string {
	if isStandard(e.to) {
		if e.to == "C" {
			return fmt.Sprintf("%s imports C: the binary is static, built without cgo", e.from)
		}
		return ""
	}
	all := rules()
	at := slices.IndexFunc(all, func(r rule) bool { return matches(r.pkg, e.from) })
	if at < 0 {
		return fmt.Sprintf("%s has no row in the import table: add one to internal/arch/rules_test.go that says what it may import", e.from)
	}
	r := all[at]
	if allowed(r, e) {
		return ""
	}
	what, may := "imports", slices.Concat(r.ours, r.third)
	if e.inTest {
		what = "imports in its tests"
		may = slices.Concat(may, testOurs(), testThird(), testExtra()[e.from])
	}
	return fmt.Sprintf("%s %s %s, which its rule %q does not allow: %s (allowed: %s)",
		e.from, what, e.to, r.pkg, r.why, strings.Join(may, ", "))
}

func allowed(r rule, e edge) bool {
	if e.inTest && matchesAny(integration(), e.from) {
		return true
	}
	to, ours := below(e.to)
	if ours {
		if to == e.from || matchesAny(r.ours, to) {
			return true
		}
		// A parent may be tested on its own technologies; they are what its contract is for.
		return e.inTest && (strings.HasPrefix(to, e.from+"/") ||
			matchesAny(testOurs(), to) || matchesAny(testExtra()[e.from], to))
	}
	third := r.third
	if e.from != "feature" {
		third = slices.Concat(third, anywhere())
	}
	if e.inTest {
		third = slices.Concat(third, testThird(), testExtra()[e.from])
	}
	return slices.ContainsFunc(third, func(p string) bool {
		return p == "*" || e.to == p || strings.HasPrefix(e.to, p+"/")
	})
}

// below cuts the module's path off an import path and tells whether it was there.
func below(path string) (string, bool) {
	if path == module {
		return ".", true
	}
	return strings.CutPrefix(path, module+"/")
}

// isStandard tells the standard library by its first element, which has no dot.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func matchesAny(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, pkg) })
}

// matches compares element by element; see rule for the patterns.
func matches(pattern, pkg string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(pkg, "/")
	for i, w := range want {
		if w == "..." {
			return true
		}
		if i == len(have) {
			return false
		}
		if suffix, ok := strings.CutPrefix(w, "*"); ok {
			if !strings.HasSuffix(have[i], suffix) {
				return false
			}
		} else if w != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}
