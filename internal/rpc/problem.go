package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"
)

// problem is an error as HTTP sends it: RFC 9457. Its type is always about:blank,
// which says that the status tells what kind of problem it is; code is the name
// that gRPC has for it.
type problem struct {
	Type     string         `json:"type"`
	Title    string         `json:"title"`
	Status   int            `json:"status"`
	Code     string         `json:"code"`
	Detail   string         `json:"detail"`
	Instance string         `json:"instance"` // the request id
	Errors   []fieldProblem `json:"errors,omitempty"`
}

// fieldProblem is what is wrong with one field of a request.
type fieldProblem struct {
	Field   string `json:"field"` // a path: keys.origin[3]; or the name of a header
	Message string `json:"message"`
}

// located is an error that knows the field of the request which it is about.
type located interface {
	Problem() (field, message string)
}

// writeProblem answers with an error.
func writeProblem(w http.ResponseWriter, e *Error, requestID string) {
	status := e.HTTPStatus()
	p := problem{
		Type: "about:blank", Title: title(status), Status: status,
		Code: codeName(e.Code), Detail: e.Message, Instance: url.PathEscape(requestID),
	}
	var at located
	if errors.As(e, &at) {
		if field, message := at.Problem(); field != "" {
			p.Errors = []fieldProblem{{Field: field, Message: withoutKind(message)}}
		}
	}
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(p) // texts and a number: it can't fail
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Content-Length", strconv.Itoa(body.Len()))
	header.Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a client that is gone misses nothing
}

func title(status int) string {
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "Client Closed Request" // 499, which no standard names
}

// codeName writes a code as the protocol does: INVALID_ARGUMENT.
func codeName(c codes.Code) string {
	if c == codes.OK {
		return "OK"
	}
	var name strings.Builder
	for i, r := range c.String() {
		if i > 0 && unicode.IsUpper(r) {
			name.WriteByte('_')
		}
		name.WriteRune(unicode.ToUpper(r))
	}
	return name.String()
}
