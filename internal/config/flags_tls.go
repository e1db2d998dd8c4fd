package config

import "errors"

// tlsLine is what the flags say about TLS. Any of them takes the place of all that the file says about certificates and
// who has to show one; the rest of the file's block stays.
type tlsLine struct {
	asked, off, verify bool
	files              KeyPair
	ca                 string
}

func tlsFlag(l *line, _, s string) error {
	on, err := parseBoolean(s)
	l.tls.asked, l.tls.off = l.tls.asked || on, !on && err == nil
	return err
}

func tlsVerifyFlag(l *line, _, s string) (err error) {
	l.tls.verify, err = parseBoolean(s)
	l.tls.asked = l.tls.asked || l.tls.verify
	return err
}

func tlsFile(field func(*tlsLine) *string) setFunc {
	return func(l *line, _, s string) error {
		*field(&l.tls) = s
		l.tls.asked = l.tls.asked || s != ""
		return nil
	}
}

// check says what is missing.
func (t *tlsLine) check() error {
	switch {
	case !t.asked || t.off:
	case t.files.CertFile == "":
		return errors.New("TLS Server certificate must be present and valid")
	case t.files.KeyFile == "":
		return errors.New("TLS Server private key must be present and valid")
	}
	return nil
}

func (t *tlsLine) changes() []change {
	switch {
	case t.off:
		return []change{{key: "tls", apply: func(c *Config) { c.TLS, c.Auth.MapCertificates = nil, false }}}
	case t.asked:
		return []change{{key: "tls", apply: t.apply}}
	}
	return nil
}

func (t *tlsLine) apply(c *Config) {
	var block TLS
	if c.TLS == nil {
		block = *defaultTLS()
	} else {
		block = *c.TLS
	}
	block.Certificates, block.CAFile, block.Verify, block.MapUsers = []KeyPair{t.files}, t.ca, t.verify, false
	c.TLS, c.Auth.MapCertificates = &block, false
}
