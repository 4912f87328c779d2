package main

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quiver-features/quiver/feature"
)

func TestAServersErrorsHaveTheKindOfTheirCode(t *testing.T) {
	kinds := []error{feature.ErrInvalid, feature.ErrNotFound, feature.ErrConflict, feature.ErrUnavailable, feature.ErrTooLarge}
	for code, want := range map[codes.Code]error{
		codes.InvalidArgument: feature.ErrInvalid, codes.Unimplemented: feature.ErrInvalid, codes.NotFound: feature.ErrNotFound,
		codes.Unavailable: feature.ErrUnavailable, codes.DeadlineExceeded: feature.ErrUnavailable, codes.ResourceExhausted: feature.ErrUnavailable,
		codes.Internal: nil, codes.Unknown: nil, // faults of the server, which no other request mends
	} {
		err := serverError("a:1", tlsWords{}, status.Error(code, "why"))
		for _, kind := range kinds {
			if is := errors.Is(err, kind); is != (kind == want) { //nolint:errorlint // the kinds themselves are compared
				t.Errorf("%s: %v is %v: %t", code, err, kind, is)
			}
		}
	}
}
