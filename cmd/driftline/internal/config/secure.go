package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// maxSecretBytes bounds a password file; more is a file named by mistake.
const maxSecretBytes = 4096

// Config returns the TLS configuration towards the brokers, nil where TLS is off.
// Files that cannot be read or hold no certificate are errors with key and path.
func (t TLS) Config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		text, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, &Fault{Key: "broker.tls.ca_file", Text: err.Error()}
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(text) {
			return nil, &Fault{Key: "broker.tls.ca_file", Text: fmt.Sprintf("%s holds no PEM certificate", t.CAFile)}
		}
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, &Fault{Key: "broker.tls.cert_file", Text: fmt.Sprintf("%s with %s: %v", t.CertFile, t.KeyFile, err)}
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}

// Password reads the password, empty where there is no login. One line end after
// it is dropped, as editors and echo leave it.
func (s SASL) Password() (string, error) {
	if s.Mechanism == "" {
		return "", nil
	}
	return secretFile("broker.sasl.password_file", s.PasswordFile)
}
