package system

import (
	"strings"
	"testing"

	"myelin/internal/pki"
)

// The system account hears of certificates that do not count as good, in the stock server's words.
func TestCertificatesAreTold(t *testing.T) {
	w := newWorld(t)
	authority, err := pki.New("ca")
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := authority.Signer()
	e := w.listen("$SYS", "$SYS.SERVER.*.OCSP.>")
	w.guest.CertificateInvalid(cert, cert, "why")
	w.guest.CertificateRefused(cert, "because")
	got := w.heard(e)
	const shown = `{"subject":"CN=ca","issuer":"CN=ca","fingerprint":"`
	for i, want := range [][]string{
		{"$SYS.SERVER.NID.OCSP.PEER.LINK.INVALID ", `"type":"io.nats.server.advisory.v1.ocsp_peer_link_invalid"`, `"link":` + shown, `"peer":` + shown, `"reason":"why"`},
		{"$SYS.SERVER.NID.OCSP.PEER.CONN.REJECT ", `"type":"io.nats.server.advisory.v1.ocsp_peer_reject"`, `"kind":"Client"`, `"peer":` + shown, `"reason":"because"`},
	} {
		if len(got) != 2 {
			t.Fatalf("told %q", got)
		}
		for _, part := range want {
			if !strings.Contains(got[i], part) {
				t.Errorf("%s is not in %s", part, got[i])
			}
		}
	}
}
