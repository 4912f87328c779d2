// Package rpc is what every served call goes through, whatever its transport:
// request id, load shedding, deadline, recovery, error codes, metrics and logs.
// Layer.Do composes them in one place; the gRPC interceptors are thin adapters
// of it, and an HTTP handler is another.
//
// It also runs a gRPC server from the first snapshot to the last request: health
// that tells when it is ready, reflection, and a drain that ends in time.
package rpc
