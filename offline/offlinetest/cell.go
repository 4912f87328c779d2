package offlinetest

import (
	"encoding/hex"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/quiver-features/quiver/feature"
)

// defaultDay is the day that short times such as 10:30 belong to.
const defaultDay = "2001-06-30"

// cells reads values as tables write them.
type cells struct {
	day   time.Time
	times *regexp.Regexp
	spans *regexp.Regexp
	bare  *regexp.Regexp
}

func newCells() *cells {
	day, err := time.Parse(time.DateOnly, defaultDay)
	if err != nil {
		panic(err) // a constant of this file
	}
	return &cells{
		day: day,
		times: regexp.MustCompile(`^(min|max|epoch|\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?|\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?Z?)?)` +
			`((?:[+-]\d+(?:ns|us|ms|s|m|h|d))*)$`),
		spans: regexp.MustCompile(`([+-])(\d+)(ns|us|ms|s|m|h|d)`),
		bare:  regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`),
	}
}

// append reads a cell and appends its value.
func (p *cells) append(c *Column, text string) error {
	v, err := p.value(c.Values.Type, c.Nanos, text)
	if err != nil {
		return err
	}
	return c.Values.AppendAny(v)
}

func (p *cells) value(t feature.Type, nanos bool, text string) (any, error) {
	if text == "null" {
		return nil, nil // null is a value here
	}
	if t.List {
		return p.list(t, text)
	}
	switch t.Kind {
	case feature.Bool:
		if text == "true" || text == "false" {
			return text == "true", nil
		}
		return nil, fmt.Errorf("%q is not a bool: expected true, false or null", text)
	case feature.Int32:
		return integer(text, 32)
	case feature.Int64:
		return integer(text, 64)
	case feature.Float32:
		v, err := float(text, 32)
		return float32(v), err
	case feature.Float64:
		return float(text, 64)
	case feature.String:
		return p.text(text)
	case feature.Bytes:
		return binary(text)
	case feature.Date:
		return date(text)
	default:
		v, err := p.time(text, nanos)
		return feature.Time(v), err
	}
}

func (p *cells) list(t feature.Type, text string) (any, error) {
	inner, ok := strings.CutPrefix(text, "[")
	if !ok || !strings.HasSuffix(inner, "]") {
		return nil, fmt.Errorf("%q is not a list: expected [item, item] or null", text)
	}
	inner = strings.TrimSpace(strings.TrimSuffix(inner, "]"))
	items := []any{}
	if inner == "" {
		return items, nil
	}
	for _, s := range split(inner, ",") {
		v, err := p.value(t.Elem(), false, s)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return items, nil
}

func integer(text string, bits int) (any, error) {
	v, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		return nil, fmt.Errorf("%q is not an int%d: expected decimal digits or null", text, bits)
	}
	return v, nil
}

func float(text string, bits int) (float64, error) {
	if h, ok := strings.CutPrefix(text, "nan:"); ok {
		return nanOf(h, bits)
	}
	switch text {
	case "nan":
		return math.NaN(), nil
	case "inf":
		return math.Inf(1), nil
	case "-inf":
		return math.Inf(-1), nil
	}
	v, err := strconv.ParseFloat(text, bits)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return 0, fmt.Errorf("%q is not a float%d: expected a number, nan, inf, -inf or null", text, bits)
	}
	return v, nil
}

// nanOf reads the bits of a NaN. A quiet float32 NaN keeps its bits on the way
// through float64.
func nanOf(h string, bits int) (float64, error) {
	u, err := strconv.ParseUint(h, 16, bits)
	v := math.Float64frombits(u)
	if bits == 32 {
		v = float64(math.Float32frombits(uint32(u))) // ParseUint keeps it in range
	}
	if err != nil || !math.IsNaN(v) {
		return 0, fmt.Errorf("nan:%s does not give the bits of a NaN of %d bits", h, bits)
	}
	return v, nil
}

func (p *cells) text(text string) (any, error) {
	if p.bare.MatchString(text) {
		return text, nil
	}
	s, err := strconv.Unquote(text)
	if err != nil || text[0] != '"' {
		return nil, fmt.Errorf("%q is not a string: expected a bare word, text in double quotes with Go's escapes, or null", text)
	}
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%s is not UTF-8: use a column of bytes", text)
	}
	return s, nil
}

func binary(text string) (any, error) {
	if h, ok := strings.CutPrefix(text, "x"); ok {
		if b, err := hex.DecodeString(h); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%q is not bytes: expected x and pairs of hexadecimal digits, for example x00ff, or null", text)
}

func date(text string) (any, error) {
	if n, ok := strings.CutPrefix(text, "day:"); ok { // outside the years 0 to 9999
		v, err := strconv.ParseInt(n, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q is not a date: expected day: and days since 1970-01-01", text)
		}
		return feature.CalendarDay(v), nil // ParseInt keeps it in range
	}
	d, err := feature.ParseDay(text)
	if err != nil {
		return nil, fmt.Errorf("%q is not a date: expected 2001-06-30 or null", text)
	}
	return d, nil
}

// time reads a time in the unit of its column: nanoseconds or microseconds.
func (p *cells) time(text string, nanos bool) (int64, error) {
	m := p.times.FindStringSubmatch(text)
	if m == nil {
		return 0, fmt.Errorf("%q is not a time: expected 10:30, 10:30:00.5, 2001-06-30T10:30, epoch, min or max, "+
			"with spans behind it as in 10:30+1h-1us, or null", text)
	}
	sum, err := p.base(m[1], nanos)
	if err != nil {
		return 0, err
	}
	for _, s := range p.spans.FindAllStringSubmatch(m[2], -1) {
		n, ok := new(big.Int).SetString(s[1]+s[2], 10)
		if !ok {
			return 0, fmt.Errorf("%q is not a span", s[0])
		}
		sum.Add(sum, n.Mul(n, big.NewInt(unitNanos(s[3]))))
	}
	if !nanos {
		rest := new(big.Int)
		sum.DivMod(sum, big.NewInt(1000), rest)
		if rest.Sign() != 0 {
			return 0, fmt.Errorf("%q is finer than a microsecond: declare the column as timestamp_ns", text)
		}
	}
	if !sum.IsInt64() {
		return 0, fmt.Errorf("%q is out of the column's range", text)
	}
	return sum.Int64(), nil
}

// base reads the first part of a time, in nanoseconds.
func (p *cells) base(text string, nanos bool) (*big.Int, error) {
	end := int64(math.MaxInt64)
	switch text {
	case "epoch":
		return new(big.Int), nil
	case "min":
		end = math.MinInt64
		fallthrough
	case "max":
		unit := int64(1000)
		if nanos {
			unit = 1
		}
		return new(big.Int).Mul(big.NewInt(end), big.NewInt(unit)), nil
	}
	if text[2] == ':' {
		text = p.day.Format(time.DateOnly) + "T" + text
	}
	for _, layout := range []string{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04", "2006-01-02"} {
		if at, err := time.Parse(layout, strings.TrimSuffix(text, "Z")); err == nil {
			ns := new(big.Int).Mul(big.NewInt(at.Unix()), big.NewInt(int64(time.Second)))
			return ns.Add(ns, big.NewInt(int64(at.Nanosecond()))), nil
		}
	}
	return nil, fmt.Errorf("%q is not a time of the calendar", text)
}

func unitNanos(unit string) int64 {
	switch unit {
	case "ns":
		return 1
	case "us":
		return 1000
	case "ms":
		return int64(time.Millisecond)
	case "s":
		return int64(time.Second)
	case "m":
		return int64(time.Minute)
	case "h":
		return int64(time.Hour)
	default:
		return 24 * int64(time.Hour)
	}
}
