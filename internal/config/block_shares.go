package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// share is an entry of exports or imports while it is decoded: what may stand in it depends on its kind, which any of
// its fields may say.
type share struct {
	stream, service *Field
	accounts        []string
	position        int64
	response        *Field
	threshold       *Field
	latency         *Field
	trace           *Field
	to, prefix      string
	share           bool
}

var exportBlock = newBlock(shareKeys, []key[share]{
	{"accounts", nil, func(d *decoder, s *share, f *Field) { s.accounts = d.accountNames(f) }},
	{"account_token_position", nil, integer(func(s *share) *int64 { return &s.position })},
	{"response", []string{"response_type"}, func(_ *decoder, s *share, f *Field) { s.response = f }},
	{"threshold", []string{"response_threshold", "response_max_time", "response_time"}, func(_ *decoder, s *share, f *Field) { s.threshold = f }},
	{"latency", nil, func(_ *decoder, s *share, f *Field) { s.latency = f }},
})

var importBlock = newBlock(shareKeys, []key[share]{
	{"to", nil, text(func(s *share) *string { return &s.to })},
	{"prefix", nil, text(func(s *share) *string { return &s.prefix })},
	{"share", nil, boolean(func(s *share) *bool { return &s.share })},
})

var shareKeys = []key[share]{
	{"stream", nil, func(_ *decoder, s *share, f *Field) { s.stream = f }},
	{"service", nil, func(_ *decoder, s *share, f *Field) { s.service = f }},
	{"allow_trace", nil, func(_ *decoder, s *share, f *Field) { s.trace = f }},
}

// entries decodes the elements of exports or imports.
func (d *decoder) entries(f *Field, list, item string, b block[share], each func(at Pos, s *share)) {
	array, ok := f.Value.Data.(Array)
	if !ok {
		d.fail(f.Pos, "%s should be an array, got %s", list, f.Value.kind())
		return
	}
	for _, element := range array {
		m, ok := element.Data.(*Map)
		if !ok {
			d.fail(element.Pos, "%s Items should be a map with type entry, got %s", item, element.kind())
			continue
		}
		s, before := share{}, len(d.errs)
		decodeNested(d, b, &s, m, unknownField)
		switch {
		case len(d.errs) > before:
		case s.stream != nil && s.service != nil:
			d.fail(s.service.Pos, "Detected service but already saw a stream")
		case s.stream != nil || s.service != nil:
			each(element.Pos, &s)
		default:
			d.warn(element.Pos, "an entry of %s is neither a stream nor a service", strings.ToLower(list))
		}
	}
}

// accountNames decodes an array of names.
func (d *decoder) accountNames(f *Field) (list []string) {
	array, ok := typed[Array](d, f, "an array")
	if !ok {
		return nil
	}
	list = []string{}
	for _, element := range array {
		name, ok := element.Data.(string)
		if !ok {
			d.fail(element.Pos, "Expected the name of an account, got %s", element.kind())
			continue
		}
		list = append(list, name)
	}
	return list
}

func (d *decoder) exports(list *[]Export, account string, f *Field) {
	d.places[sharesKey(account, "exports")] = f.Pos
	seen := make(map[Import]bool) // kinds and subjects
	d.entries(f, "Exports", "Export", exportBlock, func(_ Pos, s *share) {
		e, field := Export{Accounts: s.accounts, TokenPosition: int(s.position)}, s.stream
		if len(e.Accounts) == 0 && e.Accounts != nil && s.position > 0 {
			e.Accounts = nil
		}
		if s.service != nil {
			e.Service, field = true, s.service
		}
		var ok bool
		if e.Subject, ok = field.Value.Data.(string); !ok {
			d.fail(field.Pos, "Expected %s name to be string, got %s", kind(e.Service), field.Value.kind())
			return
		}
		if d.exportDetails(&e, s) {
			if what := (Import{Service: e.Service, Subject: e.Subject}); seen[what] { // the last one counts
				*list = slices.DeleteFunc(*list, func(o Export) bool { return o.Service == e.Service && o.Subject == e.Subject })
			} else {
				seen[what] = true
			}
			*list = append(*list, e)
		}
	})
}

var responses = map[string]Response{
	"singleton": ResponseSingleton, "single": ResponseSingleton, "stream": ResponseStream, "chunk": ResponseChunked, "chunked": ResponseChunked,
}

// exportDetails decodes what only services have.
func (d *decoder) exportDetails(e *Export, s *share) bool {
	before := len(d.errs)
	for _, only := range []struct {
		field *Field
		name  string
	}{{s.response, "response"}, {s.threshold, "response"}, {s.latency, "latency"}, {s.trace, "allow_trace"}} {
		if only.field != nil && !e.Service {
			d.fail(only.field.Pos, "Detected %s directive on non-service", only.name)
			return false
		}
	}
	if e.Service {
		e.Response = ResponseSingleton
	}
	if s.response != nil {
		name, ok := typed[string](d, s.response, "a string")
		if e.Response = responses[strings.ToLower(name)]; ok && e.Response == "" {
			d.fail(s.response.Pos, "Unknown response type: %q", name)
		}
	}
	if s.threshold != nil {
		d.threshold(e, s.threshold)
	}
	if s.latency != nil {
		d.latency(e, s.latency)
	}
	if s.trace != nil {
		e.AllowTrace, _ = typed[bool](d, s.trace, "a boolean")
	}
	return len(d.errs) == before
}

func (d *decoder) threshold(e *Export, f *Field) {
	said := f.Value.kind()
	if text, ok := f.Value.Data.(string); ok {
		t, err := time.ParseDuration(text)
		if err == nil && t >= 0 {
			e.Threshold = t
			return
		}
		said = fmt.Sprintf("%q", text)
	}
	d.fail(f.Pos, "Expected response threshold to be a parseable time duration, got %s", said)
}

// originBlock is where an import is from.
var originBlock = newBlock([]key[Import]{
	{"account", nil, text(func(i *Import) *string { return &i.Account })},
	{"subject", nil, text(func(i *Import) *string { return &i.Subject })},
})

func (d *decoder) imports(list *[]Import, account string, f *Field) {
	d.places[sharesKey(account, "imports")] = f.Pos
	services := make(map[string]Import) // by their subjects here
	d.entries(f, "Imports", "Import", importBlock, func(at Pos, s *share) {
		i, field, name := Import{To: s.to, Prefix: s.prefix, Share: s.share}, s.stream, "Stream"
		if s.service != nil {
			i.Service, field, name = true, s.service, "Service"
		}
		origin, ok := field.Value.Data.(*Map)
		if !ok {
			d.fail(field.Pos, "%s entry should be an account map, got %s", name, field.Value.kind())
			return
		}
		before := len(d.errs)
		decodeNested(d, originBlock, &i, origin, unknownField)
		if len(d.errs) == before && d.importDetails(services, &i, s, field, at) {
			*list = append(*list, i)
		}
	})
}

// importDetails checks what an import says of itself, and next to those before it.
func (d *decoder) importDetails(services map[string]Import, i *Import, s *share, f *Field, at Pos) bool {
	switch {
	case i.Account == "" || i.Subject == "":
		d.fail(f.Pos, "Expect an account name and a subject")
		return false
	case !i.Service && i.Prefix != "" && i.To != "":
		d.fail(at, "Stream import can not have a 'prefix' and a 'to' property")
		return false
	case s.trace != nil && i.Service:
		d.fail(s.trace.Pos, "Detected allow_trace directive on a non-stream")
		return false
	case !i.Service:
		if s.trace != nil {
			i.AllowTrace, _ = typed[bool](d, s.trace, "a boolean")
		}
		if i.Share {
			d.warn(at, "share means nothing for a stream")
		}
		return true
	}
	if i.Prefix != "" {
		d.warn(at, "prefix means nothing for a service: say to")
		i.Prefix = ""
	}
	if o, ok := services[i.local()]; ok {
		d.fail(at, "Duplicate service import subject %q, previously used in import for account %q, subject %q", i.local(), o.Account, o.Subject)
		return false
	}
	services[i.local()] = *i
	return true
}

// local is the subject of a service here, as it was written.
func (i *Import) local() string {
	if i.To == "" {
		return i.Subject
	}
	return i.To
}
