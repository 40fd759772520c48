// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"os"
)

// maxPEMBytes bounds what is read of a certificate or key file.
const maxPEMBytes = 4 << 20

// tlsConfig reads the files. The server is always verified: there is no
// setting that skips it.
func (c Config) tlsConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CertificateFile != "" {
		pem, err := readPEM(c.CertificateFile)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificate %s: no PEM certificate in it", c.CertificateFile)
		}
	}
	if c.ClientCertificateFile != "" {
		pair, err := readPair(c.ClientCertificateFile, c.ClientKeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func readPair(certificateFile, keyFile string) (tls.Certificate, error) {
	certificate, err := readPEM(certificateFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read client certificate: %w", err)
	}
	if err := checkKeyMode(keyFile); err != nil {
		return tls.Certificate{}, err
	}
	key, err := readPEM(keyFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read client key: %w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("pair client certificate %s with key %s: %w", certificateFile, keyFile, err)
	}
	return pair, nil
}

// checkKeyMode allows the group to read, which Debian's ssl-cert group and
// Kubernetes' fsGroup make use of.
func checkKeyMode(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("read client key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o027 != 0 {
		return fmt.Errorf("read client key %s: mode %#o lets others at it (chmod 600 %s)", file, mode, file)
	}
	return nil
}

func readPEM(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxPEMBytes+1))
	if err != nil {
		return nil, err
	}
	if len(pem) > maxPEMBytes {
		return nil, fmt.Errorf("%s: larger than %d bytes", file, maxPEMBytes)
	}
	return pem, nil
}
