package expression

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/parser"

	"github.com/quiver-features/quiver/feature"
)

// Limits of what is compiled. They bound the work for a row: it grows with the
// number of nodes and with the length of texts and lists.
const (
	MaxText  = feature.MaxExpression // bytes of an expression
	maxNodes = 1000                  // names, literals, operators and calls
	maxDepth = 200                   // of nested parentheses, calls and operators
)

// Variable is a name that an expression may use. The name may be dotted:
// origin.busy. A name that is no identifier of CEL can't be written in an
// expression, and does no harm.
type Variable struct {
	Name string
	Type feature.Type
}

// Scope is what expressions may use: variables and functions. It is immutable, and
// safe for concurrent use.
type Scope struct {
	types     map[string]feature.Type
	functions func() map[string]*function // made at the first call, for all scopes of one origin
	parser    *parser.Parser
}

// NewScope makes a scope of variables. Two of one name, or one without a name or a
// type, are an error that wraps feature.ErrInvalid.
func NewScope(vars []Variable) (*Scope, error) {
	s := &Scope{functions: sync.OnceValue(functionsByName)}
	if err := s.define(vars); err != nil {
		return nil, err
	}
	var err error
	s.parser, err = parser.NewParser(
		parser.EnablePrattParser(true), // a tenth of the other one's time; tests hold the two together
		parser.ExpressionSizeCodePointLimit(MaxText),
		parser.MaxRecursionDepth(maxDepth),
		parser.ErrorReportingLimit(1),
		parser.ErrorRecoveryLimit(1),
		parser.EnableIdentEscapeSyntax(false),
	)
	if err != nil {
		return nil, fmt.Errorf("expression: the parser's options: %w", err)
	}
	return s, nil
}

// define sets the variables.
func (s *Scope) define(vars []Variable) error {
	s.types = make(map[string]feature.Type, len(vars))
	for _, v := range vars {
		if _, twice := s.types[v.Name]; twice {
			return fmt.Errorf("expression: two variables are named %q: %w", v.Name, feature.ErrInvalid)
		}
		if v.Name == "" || v.Type.Kind < feature.Bool || v.Type.Kind > feature.Timestamp {
			return fmt.Errorf("expression: variable %q of type %q: expected a name and a type: %w", v.Name, v.Type, feature.ErrInvalid)
		}
		s.types[v.Name] = v.Type
	}
	return nil
}

// unknown explains a name that is no variable.
func (s *Scope) unknown(name string) *problem {
	switch lower := strings.ToLower(name); lower {
	case "null", "true", "false", "none":
		return problemf("write "+strings.Replace(lower, "none", "null", 1), "unknown name %s", name)
	}
	if _, ok := s.functions()[name]; ok {
		return problemf("call it: "+name+"(…)", "%s is a function, not a value", name)
	}
	if near := feature.Nearest(name, maps.Keys(s.types)); near != "" {
		return problemf("did you mean "+near+"?", "unknown name %s", name)
	}
	names := slices.Sorted(maps.Keys(s.types))
	const shown = 12
	switch hint := "known are "; {
	case len(names) == 0:
		return problemf("there are no variables here", "unknown name %s", name)
	case len(names) > shown:
		return problemf(hint+list(names[:shown])+" and others", "unknown name %s", name)
	default:
		return problemf(hint+list(names), "unknown name %s", name)
	}
}

// unknownFunction explains a call of what is no function.
func (s *Scope) unknownFunction(name string) *problem {
	switch name {
	case "has":
		return problemf("write x != null", "has is not part of the language")
	case "all", "exists", "exists_one", "existsOne", "map", "filter":
		return problemf("", "%s is not part of the language: expressions do not loop over lists", name)
	case "dyn", "type", "uint":
		return problemf("", "%s is not part of the language: types are strict, and integers have a sign", name)
	}
	elsewhere := namesElsewhere()
	near := elsewhere[strings.ToLower(name)]
	if near == "" {
		near = feature.Nearest(name, s.functionNames())
	}
	if near == "" {
		near = elsewhere[feature.Nearest(name, maps.Keys(elsewhere))]
	}
	if near != "" {
		return problemf("did you mean "+near+"?", "unknown function %s", name)
	}
	return problemf("the reference of expressions lists what there is", "unknown function %s", name)
}

// namesElsewhere gives what functions are called in other languages.
func namesElsewhere() map[string]string {
	return map[string]string{
		"length": "size", "len": "size", "count": "size", "substring": "substr", "ceiling": "ceil", "power": "pow",
		"average": "mean", "ifnull": "coalesce", "nvl": "coalesce", "toupper": "upper", "tolower": "lower", "strip": "trim",
		"greatest": "max", "least": "min",
	}
}

// functionNames gives the functions that are no operators.
func (s *Scope) functionNames() iter.Seq[string] {
	return func(yield func(string) bool) {
		for name := range s.functions() {
			if !symbol(name) && !yield(name) {
				return
			}
		}
	}
}
