package definition

import (
	"fmt"
	neturl "net/url"
	"regexp"
	"slices"
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
			return "", unsetError{name}
		}
		b.WriteString(value)
		s = rest
	}
}

// unsetError names a variable that is not set.
type unsetError struct{ name string }

// Error implements error.
func (e unsetError) Error() string { return "the environment variable " + e.name + " is not set" }

// emptied says that the variables of a text leave nothing of it.
func emptied(raw string) string {
	var names []string
	for _, m := range regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(raw, -1) {
		names = append(names, m[1])
	}
	if len(names) == 1 {
		return "the environment variable " + names[0] + " is empty"
	}
	return "the environment variables " + strings.Join(names, ", ") + " are empty"
}

// Mask writes a URL without its secrets, for messages and logs: the password of
// user:password@host and the values of query parameters that sound like secrets
// become ***. What is no URL, but has a password where URLs or connection strings
// have one, loses it too; a sqlite file and any other text is given as it is.
func Mask(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		if strings.HasPrefix(url, "sqlite:") {
			return url
		}
		words := regexp.MustCompile(`(?i)((?:pass|pwd|secret|token|key|auth)\w*\s*=\s*)('[^']*'?|\S+)`)
		return maskUser(words.ReplaceAllString(url, "${1}***"))
	}
	place, query, asked := strings.Cut(rest, "?")
	if at := strings.LastIndexByte(rest, '@'); at > len(place) && strings.Contains(rest[:at], ":") {
		// The ? may be one of the password.
		place, query, asked = strings.Cut(rest[at:], "?")
		place = rest[:at] + place
	}
	masked := scheme + "://" + maskUser(place)
	if asked {
		masked += "?" + maskQuery(query)
	}
	return masked
}

// maskUser masks the password before the last @: it may hold, against the rules,
// any of the characters that end it.
func maskUser(s string) string {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if user, _, secret := strings.Cut(s[:at], ":"); secret {
			return user + ":***" + s[at:]
		}
	}
	return s
}

// maskQuery masks the parameters that sound like secrets. What follows one and is
// no parameter belongs to its value, an & or ; that was not escaped.
func maskQuery(query string) string {
	var kept []string
	secret := false
	for _, part := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' }) {
		name, _, assigned := strings.Cut(part, "=")
		switch {
		case assigned && soundsSecret(name):
			secret = true
			kept = append(kept, name+"=***")
		case assigned || !secret:
			secret = false
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

func soundsSecret(name string) bool {
	if plain, err := neturl.QueryUnescape(name); err == nil {
		name = plain
	}
	name = strings.ToLower(name)
	if name == "key_file" { // a path, which says where to look
		return false
	}
	return slices.ContainsFunc([]string{"pass", "pwd", "secret", "token", "key", "auth"}, func(word string) bool {
		return strings.Contains(name, word)
	})
}
