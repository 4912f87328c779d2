package definition

import "strings"

// urls are the forms of a store's URL: sqlite: with a path, or a scheme with
// hosts.
type urls struct {
	schemes []string // all that are read
	shown   []string // those that messages name: of several spellings one
	note    string   // what messages say after them
}

func registryURLs() urls {
	return urls{schemes: []string{"postgres", "postgresql"}, shown: []string{"postgres"}}
}

func onlineURLs() urls {
	return urls{
		schemes: []string{"redis", "rediss", "redis-cluster", "rediss-cluster", "redis-sentinel", "rediss-sentinel"},
		shown:   []string{"redis", "redis-cluster", "redis-sentinel"},
		note:    " (rediss…:// with TLS)",
	}
}

// expected says what a URL may be: sqlite:FILE or postgres://…
func (u urls) expected() string {
	forms := "sqlite:FILE"
	for i, scheme := range u.shown {
		separator := ", "
		if i == len(u.shown)-1 {
			separator = " or "
		}
		forms += separator + scheme + "://…"
	}
	return forms + u.note
}

// hosts gives what follows a known scheme; ok is false for any other text.
func (u urls) hosts(url string) (scheme, rest string, ok bool) {
	for _, scheme := range u.schemes {
		if rest, ok := strings.CutPrefix(url, scheme+"://"); ok {
			return scheme, rest, true
		}
	}
	return "", "", false
}
