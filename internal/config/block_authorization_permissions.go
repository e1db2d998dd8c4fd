package config

import (
	"time"

	"myelin/internal/auth"
)

// unknownPermission is said about a field that is no permission.
const unknownPermission = "Unknown field %q parsing permissions"

// permissionsBlock has the names that permissions have for other servers, too: what they import is what they may
// publish here.
var permissionsBlock = newBlock([]key[auth.Permissions]{
	{"publish", []string{"pub", "import"}, func(d *decoder, p *auth.Permissions, f *Field) {
		p.Publish = d.subjects(f, auth.CheckSubject)
	}},
	{"subscribe", []string{"sub", "export"}, func(d *decoder, p *auth.Permissions, f *Field) {
		p.Subscribe = d.subjects(f, auth.CheckSubjectAndQueue)
	}},
	{"allow_responses", []string{"publish_allow_responses"}, decodeResponses},
})

var responsesBlock = newBlock([]key[auth.Responses]{
	{"max", []string{"max_msgs", "max_messages", "max_responses"}, integer(func(r *auth.Responses) *int { return &r.Max })},
	{"expires", []string{"expiration", "ttl"}, decodeExpires},
})

func decodeGlobalDefaults(d *decoder, c *auth.Config, f *Field) { c.Defaults = d.permissions(f) }

func decodeUserPermissions(d *decoder, u *auth.User, f *Field) { u.Permissions = d.permissions(f) }

// permissions decodes permissions; an empty block is none that limit anything, but not nil.
func (d *decoder) permissions(f *Field) *auth.Permissions {
	p := new(auth.Permissions)
	m, ok := f.Value.Data.(*Map)
	if !ok {
		d.fail(f.Pos, "Expected permissions to be a map/struct, got %s", f.Value.kind())
		return p
	}
	decodeNested(d, permissionsBlock, p, m, unknownPermission)
	return p
}

// subjects decodes what is allowed, or a block of what is and what is denied.
func (d *decoder) subjects(f *Field, check func(string) error) (s auth.Subjects) {
	m, ok := f.Value.Data.(*Map)
	if !ok {
		s.Allow = d.subjectList(f, check)
		return s
	}
	side := func(field func(*auth.Subjects) *[]string) decodeFunc[auth.Subjects] {
		return func(d *decoder, s *auth.Subjects, f *Field) { *field(s) = d.subjectList(f, check) }
	}
	sides := newBlock([]key[auth.Subjects]{
		{"allow", nil, side(func(s *auth.Subjects) *[]string { return &s.Allow })},
		{"deny", nil, side(func(s *auth.Subjects) *[]string { return &s.Deny })},
	})
	decodeNested(d, sides, &s, m, "Unknown field name %q parsing subject permissions, only 'allow' or 'deny' are permitted")
	return s
}

// subjectList decodes one subject or an array of them.
func (d *decoder) subjectList(f *Field, check func(string) error) (list []string) {
	values, ok := f.Value.Data.(Array)
	if !ok {
		values = Array{f.Value}
	}
	for _, v := range values {
		entry, isText := v.Data.(string)
		switch {
		case !isText && ok:
			d.fail(v.Pos, "Subject in permissions array cannot be cast to string")
			continue
		case !isText:
			d.fail(f.Pos, "Expected subject permissions to be a subject, or array of subjects, got %s", v.kind())
			continue
		}
		if err := check(entry); err != nil {
			d.fail(v.Pos, "%v", err)
			continue
		}
		list = append(list, entry)
	}
	return list
}

// decodeResponses decodes a switch, or a block, which is on.
func decodeResponses(d *decoder, p *auth.Permissions, f *Field) {
	p.Responses = nil
	switch v := f.Value.Data.(type) {
	case bool:
		if v {
			p.Responses = new(auth.Responses)
		}
	case *Map:
		p.Responses = new(auth.Responses)
		decodeNested(d, responsesBlock, p.Responses, v, unknownPermission)
	default:
		d.fail(f.Pos, "error parsing response permissions, expected a boolean or a map")
	}
}

func decodeExpires(d *decoder, r *auth.Responses, f *Field) {
	s, ok := f.Value.Data.(string)
	if !ok {
		d.fail(f.Pos, "error parsing expires, not a duration string")
		return
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		d.fail(f.Pos, "error parsing expires: %v", err)
		return
	}
	r.Expires = v
}
