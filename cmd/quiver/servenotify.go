package main

import (
	"log/slog"
	"net"
)

// notifier gives a function that tells systemd about the state of the process,
// by the protocol of sd_notify(3): a datagram to the socket that NOTIFY_SOCKET
// names. Where systemd is not there it does nothing.
func notifier(getenv func(string) (string, bool), log *slog.Logger) func(state string) {
	socket, _ := getenv("NOTIFY_SOCKET")
	if socket == "" {
		return func(string) {}
	}
	return func(state string) {
		conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err == nil {
			_, err = conn.Write([]byte(state))
			_ = conn.Close()
		}
		if err != nil {
			log.Warn("systemd can't be told about the server's state", slog.String("state", state), slog.Any("error", err))
		}
	}
}
