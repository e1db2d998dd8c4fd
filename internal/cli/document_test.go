package cli

import (
	"encoding/json"
	"testing"
)

// What nobody sets keeps its place and its bytes, numbers of any size included.
func TestDocumentKeepsWhatItDoesNotKnow(t *testing.T) {
	const text = `{"name":"A","future":{"b":18446744073709551615,"a":[1.10,"<>"]},"max_msgs":5,"x":null}`
	var d document
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	same, err := d.MarshalJSON()
	if err != nil || string(same) != text {
		t.Errorf("unchanged: %s, %v", same, err)
	}
	changed := d.clone()
	changed.set("max_msgs", 6)
	changed.set("new", true)
	changed.remove("x")
	out, err := changed.MarshalJSON()
	if want := `{"name":"A","future":{"b":18446744073709551615,"a":[1.10,"<>"]},"max_msgs":6,"new":true}`; err != nil || string(out) != want {
		t.Errorf("changed: %s, %v", out, err)
	}
	if same, _ := d.MarshalJSON(); string(same) != text {
		t.Errorf("the original of a changed copy: %s", same)
	}
	if d.text("name") != "A" || d.text("max_msgs") != "" || d.text("absent") != "" || !d.has("x") {
		t.Error("members are not read as they are")
	}
}

func TestDocumentRefusesOtherJSON(t *testing.T) {
	for _, bad := range []string{`[]`, `1`, `"a"`, `null`, `{`, `{"a"`, `{"a":}`} {
		var d document
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
