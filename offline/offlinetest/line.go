package offlinetest

import "strings"

// A line of a script is cut into fields and cells by few rules: what stands
// between double quotes or brackets is never cut, and # starts a comment.

// stripComment cuts a comment off a line and gives both without spaces around.
func stripComment(line string) (text, comment string) {
	if i := cut(line, "#"); i >= 0 {
		return strings.TrimSpace(line[:i]), strings.TrimSpace(line[i+1:])
	}
	return strings.TrimSpace(line), ""
}

// split cuts a line at every separator, which may be longer than one byte.
func split(line, separator string) []string {
	var parts []string
	for {
		i := cut(line, separator)
		if i < 0 {
			return append(parts, strings.TrimSpace(line))
		}
		parts = append(parts, strings.TrimSpace(line[:i]))
		line = line[i+len(separator):]
	}
}

// fields cuts a line at runs of spaces.
func fields(line string) []string {
	var out []string
	for _, f := range split(strings.ReplaceAll(line, "\t", " "), " ") {
		if f != "" {
			out = append(out, f)
		}
	}
	return out
}

// cut finds the first separator that stands outside quotes and brackets, or
// gives -1.
func cut(line, separator string) int {
	quoted, depth := false, 0
	for i := 0; i < len(line); i++ {
		if !quoted && depth == 0 && strings.HasPrefix(line[i:], separator) {
			return i
		}
		switch b := line[i]; {
		case quoted && b == '\\':
			i++
		case b == '"':
			quoted = !quoted
		case quoted:
		case b == '[':
			depth++
		case b == ']' && depth > 0:
			depth--
		}
	}
	return -1
}
