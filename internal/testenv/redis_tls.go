package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Certificates are files of one test: an authority's certificate, and a certificate with its key that it signed.
type Certificates struct{ CA, Cert, Key string }

// NewCertificates makes an authority and a certificate for the given host names and addresses, good for servers and
// clients, an hour from now.
func NewCertificates(tb testing.TB, hosts ...string) Certificates {
	tb.Helper()
	dir := tb.TempDir()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a test's authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "a test's server"}, NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			leaf.IPAddresses = append(leaf.IPAddresses, ip)
		} else {
			leaf.DNSNames = append(leaf.DNSNames, host)
		}
	}
	check := func(err error) {
		tb.Helper()
		if err != nil {
			tb.Fatalf("testenv: make certificates: %v", err)
		}
	}
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		check(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	check(err)
	leafDER, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	check(err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	check(err)
	return Certificates{
		CA: write("ca.pem", "CERTIFICATE", caDER), Cert: write("cert.pem", "CERTIFICATE", leafDER), Key: write("key.pem", "EC PRIVATE KEY", keyDER),
	}
}

// RedisTLS starts a server that speaks TLS at TLSAddr, and plainly at Addr. opts may ask for clients' certificates by
// "--tls-auth-clients".
func RedisTLS(tb testing.TB, c Certificates, opts ...RedisOption) *RedisServer {
	tb.Helper()
	port, err := freePort(tb.Context())
	if err != nil {
		tb.Fatalf("testenv: find a port for redis: %v", err)
	}
	s := Redis(tb, append([]RedisOption{RedisArgs("--tls-port", strconv.Itoa(port), "--tls-ca-cert-file", c.CA, "--tls-cert-file", c.Cert,
		"--tls-key-file", c.Key, "--tls-auth-clients", "no")}, opts...)...)
	s.tls = port
	return s
}

// TLSAddr returns host:port of the port that speaks TLS.
func (s *RedisServer) TLSAddr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.tls)) }
