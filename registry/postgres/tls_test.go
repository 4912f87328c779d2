package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry/postgres"
)

// selfSigned makes a certificate for 127.0.0.1, and its key, as PEM.
func selfSigned(t *testing.T) (certificate, key []byte) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret)
	if err != nil {
		t.Fatal(err)
	}
	secretDER, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secretDER})
}

func TestTLS(t *testing.T) {
	certificate, key := selfSigned(t)
	server := testenv.Postgres(t, testenv.PostgresFile("server.crt", certificate), testenv.PostgresFile("server.key", key),
		testenv.PostgresSettings("ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key"))
	with := func(mode string) string { return strings.Replace(server.URL(), "sslmode=disable", "sslmode="+mode, 1) }
	root := filepath.Join(t.TempDir(), "root.crt")
	other := filepath.Join(t.TempDir(), "other.crt")
	stranger, _ := selfSigned(t)
	for path, content := range map[string][]byte{root: certificate, other: stranger} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted := postgres.Options{URL: with("verify-full&sslrootcert=" + root)}
	open(t, trusted)
	open(t, postgres.Options{URL: with("require")})
	for _, mode := range []string{"verify-full", "verify-full&sslrootcert=" + other} {
		refused(t, postgres.Options{URL: with(mode)}, feature.ErrInvalid, "the server's certificate is not trusted")
	}
	wrongName := strings.Replace(trusted.URL, "@127.0.0.1:", "@localhost:", 1)
	refused(t, postgres.Options{URL: wrongName}, feature.ErrInvalid, "certificate")
}

// Of several hosts one that is there will do, and all are named where none is.
func TestSeveralHosts(t *testing.T) {
	server, gone := testenv.Postgres(t), testenv.Postgres(t)
	gone.Stop()
	hosts := gone.Addr() + "," + server.Addr()
	url := strings.Replace(server.URL(), server.Addr(), hosts, 1) + "&target_session_attrs=read-write"
	commit(t, open(t, postgres.Options{URL: url}), 0, "first")
	server.Stop()
	refused(t, postgres.Options{URL: url, Patience: time.Millisecond}, feature.ErrUnavailable, "registry postgres://"+hosts+"/postgres: open: the server can't be reached")
}
