package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quiver-features/quiver/internal/testenv"
	sdk "github.com/quiver-features/quiver/sdk/go"
)

// serve runs quiver serve over a project until the test ends.
func serve(t *testing.T, dir string, args ...string) *sdk.Client {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := start(ctx, t, strings.NewReader(""), "msg=ready", append([]string{"-C", dir, "serve", "--grpc", "127.0.0.1:0", "--http", "", "--drain-delay", "0s", "--log-format", "text"}, args...)...)
	t.Cleanup(func() {
		stop()
		if got := r.end(); got.code != exitDone {
			t.Errorf("serve: exit code %d\n%s", got.code, got.err)
		}
	})
	client, err := sdk.Dial(listeningLine.FindStringSubmatch(r.log.String())[2], sdk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func TestARequestThatDoesNotFitIsRefusedAndTheServerGoesOn(t *testing.T) {
	dir := newProject(t)
	shop := dir + "/features/shop.yaml"
	replace(t, shop, "name: customer, type: int64}", "name: customer, type: int64}, {name: items, type: int64}")
	replace(t, shop, "  - {name: items, description: How many things were bought}\n", "")
	must(t, "-C", dir, "apply", "--yes", "--allow-removal")
	must(t, "-C", dir, "materialize")
	must(t, "-C", dir, "promote", "churn_model@2")
	client := serve(t, dir, "--max-rows", "3", "--max-request-bytes", "4096")
	good := sdk.Request{Service: "churn_model", Keys: sdk.Columns{"customer": sdk.Int64s(1, 2), "items": sdk.Int64s(5, 2)}}
	for _, tc := range []struct {
		name    string
		request sdk.Request
		code    codes.Code
		parts   []string
	}{
		{
			"ragged",
			sdk.Request{Service: "churn_model", Keys: sdk.Columns{"customer": sdk.Int64s(1, 2), "items": sdk.Int64s(5)}},
			codes.InvalidArgument,
			[]string{"customer", "items", "2", "1"},
		},
		{
			"a key of text",
			sdk.Request{Service: "churn_model", Keys: sdk.Columns{"customer": sdk.Strings("1", "2"), "items": sdk.Int64s(5, 2)}},
			codes.InvalidArgument,
			[]string{"customer", "int64"},
		},
		{
			"a key that is missing",
			sdk.Request{Service: "churn_model", Keys: sdk.Columns{"customer": sdk.Int64s(1, 2)}},
			codes.InvalidArgument,
			[]string{"items", "missing"},
		},
		{
			"a key that nothing needs",
			sdk.Request{Service: "churn_model", Keys: sdk.Columns{"custmer": sdk.Int64s(1), "customer": sdk.Int64s(1), "items": sdk.Int64s(5)}},
			codes.InvalidArgument,
			[]string{"custmer"},
		},
		{
			"an unknown service",
			sdk.Request{Service: "churn_mdl", Keys: good.Keys},
			codes.NotFound,
			[]string{"churn_mdl", "churn_model"},
		},
		{
			"an unknown version",
			sdk.Request{Service: "churn_model@9", Keys: good.Keys},
			codes.NotFound,
			[]string{"churn_model", "9"},
		},
		{
			"too many rows",
			sdk.Request{Service: "churn_model", Keys: sdk.Columns{"customer": sdk.Int64s(1, 2, 3, 4), "items": sdk.Int64s(1, 2, 3, 4)}},
			codes.InvalidArgument,
			[]string{"4", "3"},
		},
		{
			"too many bytes",
			sdk.Request{Service: "churn_model" + strings.Repeat("x", 5000), Keys: good.Keys},
			codes.ResourceExhausted,
			[]string{"4096"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := client.GetOnlineFeatures(t.Context(), tc.request)
			if got := status.Code(err); got != tc.code {
				t.Errorf("code %s, want %s: %v", got, tc.code, err)
			}
			for _, part := range tc.parts {
				if err != nil && !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in %v", part, err)
				}
			}
		})
	}
	response, err := client.GetOnlineFeatures(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	amounts, err := response.Float64s("last_order__amount")
	if err != nil || !slices.Equal(amounts, []float64{31, 64.5}) {
		t.Errorf("amounts %v, want [31 64.5]; %v", amounts, err)
	}
}

func TestARedisIsFilledAndServedLikeTheEmbeddedStore(t *testing.T) {
	redis := testenv.Redis(t)
	direct := goredis.NewClient(&goredis.Options{Addr: redis.Addr()})
	if err := errors.Join(direct.ConfigSet(t.Context(), "requirepass", "s3cret").Err(), direct.Close()); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(redis.URL(), "redis://", "redis://:s3cret@", 1)
	dir, other := newProject(t), newProject(t)
	setting(t, dir, "online", url)
	setting(t, other, "online", url)
	must(t, "-C", dir, "materialize")
	const line = "last_order__amount  31  PRESENT  2d14h1m  99  PRESENT  8d22h47m"
	if values := must(t, "-C", dir, "get", "--service", "churn_model", "--key", "customer=1,4"); !strings.Contains(values, line) {
		t.Errorf("values\n%s", values)
	}
	// The values of another registry are left alone.
	got := do(t.Context(), "-C", other, "materialize")
	got.refused(t, exitFailed, "registry")
	if strings.Contains(got.err, "s3cret") {
		t.Errorf("the password is shown: %s", got.err)
	}
	setting(t, other, "online", strings.Replace(url, "s3cret", "wr0ng", 1))
	got = do(t.Context(), "-C", other, "status")
	got.refused(t, exitFailed, redis.Addr())
	if strings.Contains(got.err, "wr0ng") {
		t.Errorf("the password is shown: %s", got.err)
	}
	if values := must(t, "-C", dir, "get", "--service", "churn_model", "--key", "customer=1,4"); !strings.Contains(values, line) {
		t.Errorf("values\n%s", values)
	}
}
