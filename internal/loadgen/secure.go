package loadgen

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"

	"myelin/internal/pki"
)

// security is a certificate for the servers of a run and what their clients
// need to trust it. Both are made for the run and removed after it.
type security struct {
	dir  string
	args []string // that make a server use it
	tls  *tls.Config
}

// newSecurity makes a certificate in a folder below parent.
func newSecurity(parent string) (*security, error) {
	authority, err := pki.New("bench")
	if err != nil {
		return nil, err
	}
	pair, err := authority.Issue(pki.Request{Name: "bench", Hosts: []string{"127.0.0.1", "localhost"}, Server: true})
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "bench-tls-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for certificates: %w", err)
	}
	s := &security{dir: dir, tls: &tls.Config{RootCAs: authority.Pool(), MinVersion: tls.VersionTLS13}}
	cert, key := filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	for name, text := range map[string][]byte{cert: pair.Certificate, key: pair.Key} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			s.remove()
			return nil, err
		}
	}
	s.args = []string{"--tls", "--tlscert", cert, "--tlskey", key}
	return s, nil
}

func (s *security) remove() { os.RemoveAll(s.dir) }
