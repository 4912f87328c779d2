package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfSigned makes a certificate for 127.0.0.1 and its key, in files.
func selfSigned(t *testing.T) (cert, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	cert, key = filepath.Join(folder, "server.pem"), filepath.Join(folder, "server.key")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyBytes},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots.AddCert(parsed)
	return cert, key, roots
}

func TestBothAddressesSpeakTLS(t *testing.T) {
	cert, key, roots := selfSigned(t)
	dir := newProject(t)
	s := startProcess(t, dir, []string{"QUIVER_SERVE_TLS_CERT=" + cert, "QUIVER_SERVE_TLS_KEY=" + key}, "--drain-delay", "0s")
	s.shows("msg=ready")
	ask := func(config *tls.Config) error {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		r, err := client.Get("https://" + s.http + "/readyz")
		if err == nil {
			err = r.Body.Close()
		}
		return err
	}
	if err := ask(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}); err != nil {
		t.Errorf("HTTPS: %v", err)
	}
	if err := ask(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // that it is refused is tested
		t.Error("TLS 1.1 is taken")
	}
	config := filepath.Join(t.TempDir(), "serve.yaml")
	if err := os.WriteFile(config, []byte("tls_cert: "+cert+"\ntls_key: "+key+"\ngrpc: "+s.grpc+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "health", "--config", config)
	other, otherKey, _ := selfSigned(t)
	if err := os.WriteFile(config, []byte("tls_cert: "+other+"\ntls_key: "+otherKey+"\ngrpc: "+s.grpc+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do(t.Context(), "health", "--config", config).refused(t, exitFailed, "another certificate than tls_cert")
	do(t.Context(), "health", "--server", s.grpc).refused(t, exitFailed, "server "+s.grpc+" can't be reached", "by --config")
	s.stop()
	plain := startProcess(t, dir, nil, "--drain-delay", "0s")
	plain.shows("msg=ready")
	do(t.Context(), "health", "--config", config, "--server", plain.grpc).refused(t, exitFailed, "does not speak TLS", "set here and not there")
	plain.stop()
}

func TestGetSpeaksTLSAndSaysWhatIsWrongWithThePort(t *testing.T) {
	dir := newProject(t)
	must(t, "-C", dir, "materialize")
	cert, key, _ := selfSigned(t)
	plain, secure := startProcess(t, dir, nil), startProcess(t, dir, nil, "--tls-cert", cert, "--tls-key", key, "--snapshot", "")
	plain.shows("msg=ready")
	secure.shows("msg=ready")
	get := func(server string, args ...string) outcome {
		return do(t.Context(), append([]string{"-C", dir, "get", "--features", "last_order:amount", "--key", "customer=1", "--server", server}, args...)...)
	}
	for _, server := range []outcome{get(plain.grpc), get(secure.grpc, "--ca-file", cert)} {
		if server.code != exitDone || !strings.Contains(server.out, "PRESENT") {
			t.Errorf("exit code %d: %s%s", server.code, server.out, server.err)
		}
	}
	get(plain.http).refused(t, exitFailed, "that is the port for HTTP")
	get(plain.grpc, "--tls").refused(t, exitFailed, "does not speak TLS at this port")
	get(secure.grpc, "--tls").refused(t, exitFailed, "by --ca-file")
	get(secure.grpc).refused(t, exitFailed, "add --tls")
	get(secure.http).refused(t, exitFailed, "--tls")
	get(plain.grpc, "--ca-file", key).refused(t, exitUsage, "holds no certificate")
	do(t.Context(), "-C", dir, "get", "--features", "last_order:amount", "--tls").refused(t, exitUsage, "--server")
}

func TestSystemdIsToldAboutReadinessAndTheStop(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = told.Close() }()
	next := func() string {
		t.Helper()
		if err := told.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		text := make([]byte, 256)
		n, err := told.Read(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(text[:n])
	}
	s := startProcess(t, newProject(t), []string{"NOTIFY_SOCKET=" + socket}, "--drain-delay", "0s")
	if got := next(); got != "READY=1" {
		t.Errorf("told %q", got)
	}
	if code, text := s.get("/readyz"); code != http.StatusOK {
		t.Errorf("ready, and says %d %s", code, text)
	}
	s.stop()
	if got := next(); got != "STOPPING=1" {
		t.Errorf("told %q", got)
	}
}

func TestLogsAreJSONWhereNoTerminalIs(t *testing.T) {
	dir := newProject(t)
	ctx, stop := context.WithCancel(t.Context())
	r := start(ctx, t, strings.NewReader(""), `"msg":"ready"`, "-C", dir, "serve", "--grpc", "127.0.0.1:0", "--http", "", "--drain-delay", "1ms")
	stop()
	got := r.end()
	if got.code != exitDone {
		t.Errorf("exit code %d", got.code)
	}
	for _, part := range []string{`"drain_delay":"1ms","drain_timeout":"10s"`, `"msg":"the clock is frozen by now in quiver.yaml","now":"`} {
		if !strings.Contains(got.err, part) {
			t.Errorf("no %s in the log:\n%s", part, got.err)
		}
	}
	for line := range strings.Lines(got.err) {
		var record struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Time == "" || record.Level == "" || record.Msg == "" {
			t.Errorf("%v: %s", err, line)
		}
	}
}
