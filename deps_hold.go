//go:build deps_hold

package quiver

import (
	_ "github.com/google/jsonschema-go/jsonschema"
	_ "github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/spf13/cobra/doc"
)
