package wire

import "testing"

// What is not strict passes over members that are unknown and says so, and refuses what is no JSON or of another type.
func TestLoose(t *testing.T) {
	for _, c := range []struct{ payload, problem, err string }{
		{`{"offset":7}`, "", ""},
		{`{"offset":1}{"offset":7}`, "", ""},
		{`{"offset":7,"of":1}`, `json: unknown field "of"`, ""},
		{`{"offset":7} x`, "invalid character 'x' looking for beginning of value at offset 14", "invalid JSON: invalid character 'x' after top-level value (10025)"},
		{`{"offset":7`, "unexpected EOF", "invalid JSON: unexpected end of JSON input (10025)"},
		{
			`{"offset":"x"}`, "json: cannot unmarshal string into Go struct field JSApiConsumersRequest.ApiPagedRequest.offset of type int",
			"invalid JSON: json: cannot unmarshal string into Go struct field JSApiConsumersRequest.ApiPagedRequest.offset of type int (10025)",
		},
	} {
		problem := ""
		offset, err := ParseList([]byte(c.payload), func(text string) { problem = text })
		text := ""
		if err != nil {
			text = err.Error()
		}
		if problem != c.problem || text != c.err || err == nil && offset != 7 {
			t.Errorf("%s: %d, %q, %q", c.payload, offset, problem, text)
		}
	}
}
