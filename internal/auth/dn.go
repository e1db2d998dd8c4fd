package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
)

// distinguishedName is the name of a certificate's subject, most specific part first as in RFC 4514. Each
// part is a set of attributes, here one string in an order of its own.
type distinguishedName []string

// separators cannot be confused with what attributes consist of: they are escaped in names and values.
const (
	endOfAttribute = "\x00"
	endOfPart      = "\x01"
)

var hideSeparators = strings.NewReplacer("\x00", "\x02\x00", "\x01", "\x02\x01", "\x02", "\x02\x02")

// exact is a key for names with the same parts in the same order.
func (dn distinguishedName) exact() string { return strings.Join(dn, endOfPart) }

// unordered is a key for names with the same parts in any order.
func (dn distinguishedName) unordered() string {
	parts := slices.Clone(dn)
	slices.Sort(parts)
	return strings.Join(parts, endOfPart)
}

// part makes one part of attributes, each a type and a value.
func part(attributes [][2]string) string {
	texts := make([]string, len(attributes))
	for i, a := range attributes {
		texts[i] = a[0] + "=" + hideSeparators.Replace(a[1])
	}
	slices.Sort(texts)
	return strings.Join(texts, endOfAttribute)
}

// attributeTypes are those that have a name, in upper case. No user is named by others.
var attributeTypes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.5": "SERIALNUMBER", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET",
	"2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.17": "POSTALCODE", "0.9.2342.19200300.100.1.25": "DC",
}

// subjectName reads the name of a certificate's subject from the certificate's own bytes, which know which attributes
// form a part. It is nil if there is none.
func subjectName(c *x509.Certificate) distinguishedName {
	var sequence pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawSubject, &sequence); err != nil || len(rest) > 0 {
		return nil
	}
	var dn distinguishedName
	for _, set := range slices.Backward(sequence) {
		var attributes [][2]string
		for _, a := range set {
			name, value := attributeTypes[a.Type.String()], ""
			if text, ok := a.Value.(string); ok && name != "" {
				value = text
			} else {
				name = "#" + a.Type.String() // which parseName gives nothing
			}
			attributes = append(attributes, [2]string{name, value})
		}
		dn = append(dn, part(attributes))
	}
	return dn
}

// parseName parses a name as RFC 4514 writes it, without quotes and values in hexadecimal. It is nil for anything else.
func parseName(s string) distinguishedName {
	var dn distinguishedName
	var attributes [][2]string
	for {
		a, separator, tail, ok := parseAttribute(s)
		if !ok {
			return nil
		}
		attributes = append(attributes, a)
		if separator != '+' {
			dn, attributes = append(dn, part(attributes)), nil
		}
		if separator == 0 {
			return dn
		}
		s = tail
	}
}

// parseAttribute cuts `type=value` off s. The separator after it is a plus, a comma, or 0 at the end.
func parseAttribute(s string) (a [2]string, separator byte, tail string, ok bool) {
	name, s, ok := strings.Cut(s, "=")
	a[0] = strings.ToUpper(strings.Trim(name, " "))
	if !ok || a[0] == "" || strings.ContainsAny(a[0], `,+\#`) {
		return a, 0, "", false
	}
	var value []byte
	s = strings.TrimLeft(s, " ")
	if strings.HasPrefix(s, "#") {
		return a, 0, "", false
	}
	end := 0 // of value without the spaces that nobody escaped
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ',', '+':
			a[1] = string(value[:end])
			return a, c, s[i+1:], end > 0
		case '=', '"', ';', '<', '>':
			return a, 0, "", false
		case '\\':
			literal, size := unescape(s[i+1:])
			if size == 0 {
				return a, 0, "", false
			}
			value, i = append(value, literal), i+size
			end = len(value)
		default:
			value = append(value, c)
			if c != ' ' {
				end = len(value)
			}
		}
	}
	a[1] = string(value[:end])
	return a, 0, "", end > 0
}

// unescape reads what follows a backslash: two hexadecimal digits, or a character that is special.
func unescape(s string) (c byte, size int) {
	if len(s) >= 2 {
		if b, err := hex.DecodeString(s[:2]); err == nil {
			return b[0], 2
		}
	}
	if s != "" && strings.IndexByte(` "#+,;<=>\`, s[0]) >= 0 {
		return s[0], 1
	}
	return 0, 0
}
