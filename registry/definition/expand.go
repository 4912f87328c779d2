package definition

import (
	"fmt"
	"regexp"
	"strings"
)

// expand replaces ${NAME} by what lookup gives, and $${ by ${. The error tells
// what can't be replaced and never shows a value.
func expand(s string, lookup func(string) (string, bool)) (string, error) {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		name, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return "", fmt.Errorf("${ without an end: write ${NAME}, or $${ for the characters themselves")
		}
		if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(name) {
			return "", fmt.Errorf("%s is no name of an environment variable: write ${NAME}, or $${ for the characters themselves", quoted(name))
		}
		value, ok := lookup(name)
		if !ok {
			return "", fmt.Errorf("the environment variable %s is not set", name)
		}
		b.WriteString(value)
		s = rest
	}
}

// Mask writes a URL without its secrets, for messages and logs: the password of
// user:password@host and the values of query parameters that sound like secrets
// become ***. A text that is no URL is given as it is.
func Mask(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	// A password may hold, against the rules, any of the characters that end it:
	// what stands before the last @ is taken for user and password.
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		if user, _, secret := strings.Cut(rest[:at], ":"); secret {
			rest = user + ":***" + rest[at:]
		}
	}
	secrets := regexp.MustCompile(`(?i)([?&][^=&]*(?:pass|pwd|secret|token|key|auth)[^=&]*=)[^&]*`)
	return scheme + "://" + secrets.ReplaceAllString(rest, "${1}***")
}
