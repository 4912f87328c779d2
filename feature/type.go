package feature

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the kind of a scalar value.
type Kind uint8

// The scalar kinds. Their numbers are part of stored formats: they are never
// changed and never used again.
const (
	Invalid   Kind = 0
	Bool      Kind = 1
	Int32     Kind = 2
	Int64     Kind = 3
	Float32   Kind = 4
	Float64   Kind = 5
	String    Kind = 6 // text; compared by its bytes
	Bytes     Kind = 7
	Date      Kind = 8 // days since 1970-01-01
	Timestamp Kind = 9 // a Time: microseconds since the epoch, UTC
)

func kindNames() []string {
	return []string{"invalid", "bool", "int32", "int64", "float32", "float64", "string", "bytes", "date", "timestamp"}
}

// String gives the kind's name as definitions write it.
func (k Kind) String() string {
	names := kindNames()
	if int(k) < len(names) {
		return names[k]
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// Type is the type of a column: a scalar kind or a list of one. The zero value
// is no type. Types are comparable with ==.
type Type struct {
	Kind   Kind
	List   bool
	Length int // of every list of the column; 0: lists may have any length
}

// Scalar gives the type of plain values of a kind.
func Scalar(k Kind) Type { return Type{Kind: k} }

// ListOf gives the type of lists of a kind; length 0 means any length.
func ListOf(k Kind, length int) Type { return Type{Kind: k, List: true, Length: length} }

// IsZero tells whether t is no type at all.
func (t Type) IsZero() bool { return t.Kind == Invalid }

// Elem gives the type of a list's items.
func (t Type) Elem() Type { return Type{Kind: t.Kind} }

// IsKey tells whether join keys may have this type. Floats may not: NaN has no
// equal. Lists may not.
func (t Type) IsKey() bool {
	switch t.Kind {
	case Bool, Int32, Int64, String, Bytes, Date, Timestamp:
		return !t.List
	default:
		return false
	}
}

// SameKey tells whether keys of two types are compared by value: a type with
// itself, and integers of any width.
func (t Type) SameKey(u Type) bool {
	isInt := func(t Type) bool { return !t.List && (t.Kind == Int32 || t.Kind == Int64) }
	return t == u || isInt(t) && isInt(u)
}

// String writes the type as definitions do, a fixed length in brackets:
// list<float32>[128].
func (t Type) String() string {
	if !t.List {
		return t.Kind.String()
	}
	s := "list<" + t.Kind.String() + ">"
	if t.Length > 0 {
		s += "[" + strconv.Itoa(t.Length) + "]"
	}
	return s
}

// ParseType reads what String writes. The error wraps ErrInvalid and names the
// types there are.
func ParseType(s string) (Type, error) {
	var t Type
	name := s
	if inner, ok := strings.CutPrefix(s, "list<"); ok {
		elem, tail, ok := strings.Cut(inner, ">")
		if !ok {
			return Type{}, typeError(s)
		}
		t.List, name = true, elem
		if tail != "" {
			n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(tail, "["), "]"))
			if err != nil || n <= 0 || tail != "["+strconv.Itoa(n)+"]" {
				return Type{}, typeError(s)
			}
			t.Length = n
		}
	}
	for i, k := range kindNames() {
		if i > 0 && k == name {
			t.Kind = Kind(i)
			return t, nil
		}
	}
	return Type{}, typeError(s)
}

func typeError(s string) error {
	return fmt.Errorf("unknown type %q: expected one of %s, or list<one of these>: %w",
		s, strings.Join(kindNames()[1:], ", "), ErrInvalid)
}

// MarshalText writes the type as String does; no type is the empty text.
func (t Type) MarshalText() ([]byte, error) {
	if t.IsZero() {
		return nil, nil
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (t *Type) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = Type{}
		return nil
	}
	var err error
	*t, err = ParseType(string(b))
	return err
}

// isName tells whether s is [a-z][a-z0-9_]*.
func isName(s string) bool {
	for i, r := range []byte(s) {
		letter, other := r >= 'a' && r <= 'z', r >= '0' && r <= '9' || r == '_'
		if !letter && (i == 0 || !other) {
			return false
		}
	}
	return s != ""
}

// CheckName tells whether s can name an entity, a source, a view, a service or
// a feature: [a-z][a-z0-9_]*, at most 128 bytes, without a double underscore
// (which separates view and feature in output columns) and without the reserved
// words of the expression language.
func CheckName(s string) error {
	switch {
	case len(s) > 128:
		return fmt.Errorf("name is %d bytes long, at most 128 are allowed: %w", len(s), ErrInvalid)
	case !isName(s):
		return fmt.Errorf("bad name %q: a name is a lower-case letter followed by lower-case letters, digits and underscores: %w", s, ErrInvalid)
	case strings.Contains(s, "__"):
		return fmt.Errorf("bad name %q: a double underscore separates view and feature in output columns and can't stand in a name: %w", s, ErrInvalid)
	}
	switch s {
	case "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
		"import", "let", "loop", "package", "namespace", "return", "var", "void", "while":
		return fmt.Errorf("bad name %q: it is a reserved word of the expression language: %w", s, ErrInvalid)
	}
	return nil
}
