package auth

import (
	"slices"
	"strings"
	"testing"

	"myelin/internal/subject"
)

func rights(t testing.TB, p Permissions) *Rights {
	t.Helper()
	r, err := NewRights(&p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// list splits words at commas, so that a word can be an entry with a queue.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// subscribeRow is one subscription: whether it is allowed, and which of some published subjects it gets. All rows hold for
// a stock server too (TestPeerSubscribe), but for those that are stricter here.
type subscribeRow struct {
	allow, deny    string
	pattern, queue string
	ok             bool
	published      string
	got            string
	stricter       bool
}

var subscribeRows = []subscribeRow{
	// What is allowed.
	{"", "", "foo", "", true, "foo", "foo", false},
	{"foo.*", "", "foo.bar", "", true, "foo.bar", "foo.bar", false},
	{"foo.*", "", "foo.*", "", true, "foo.a", "foo.a", false},
	{"foo.*", "", "foo", "", false, "", "", false},
	{"foo.*", "", "foo.*.x", "", false, "", "", false},
	{"foo.*", "", "*.bar", "", false, "", "", false},
	{"foo.*", "", ">", "", false, "", "", false},
	{"foo.>", "", "foo.>", "", true, "foo.a,foo.a.b", "foo.a,foo.a.b", false},
	{"foo.>", "", "foo.*.>", "", true, "foo.a.b", "foo.a.b", false},
	{"foo.>", "", "*.>", "", false, "", "", false},
	{"foo.>", "", "foo", "", false, "", "", false},
	{">", "", ">", "", true, "foo,foo.bar", "foo,foo.bar", false},
	{"foo,bar", "", "bar", "", true, "bar", "bar", false},
	{"foo,bar", "", "baz", "", false, "", "", false},
	{">", "", "foo..bar", "", false, "", "", false},
	{">", "", "foo.", "", false, "", "", false},

	// A wildcard is compared as it is written. That lets through more than is allowed, and only here it is held back.
	{"foo.*", "", "foo.>", "", true, "foo.a,foo.a.b", "foo.a", true},
	{"*", "", ">", "", true, "foo,foo.bar", "foo", true},
	{"foo.*,foo.*.*", "", "foo.>", "", true, "foo.a,foo.a.b,foo.a.b.c", "foo.a,foo.a.b", true},

	// What is denied.
	{"", "foo.*", "foo.bar", "", false, "", "", false},
	{"", "foo.*", "foo.*", "", false, "", "", false},
	{"", "foo.*", "foo.>", "", false, "", "", false},
	{"", "foo.*", "foo", "", true, "foo", "foo", false},
	{"", "foo.>", "foo.*.*", "", false, "", "", false},
	{"", ">", ">", "", false, "", "", false},
	{"foo.bar", "foo.bar", "foo.bar", "", false, "", "", false},

	// What a wildcard stands for and is denied is not delivered.
	{"", "foo.*", "*.bar", "", true, "foo.bar,x.bar", "x.bar", false},
	{"", "foo.*", ">", "", true, "foo.bar,x,foo.bar.baz", "x,foo.bar.baz", false},
	{"", "foo.bar", "foo.>", "", true, "foo.bar,foo.a.b", "foo.a.b", false},
	{"", "foo.bar", "foo.*", "", true, "foo.bar,foo.a", "foo.a", false},
	{"", "foo.>", ">", "", true, "foo.bar,x,foo.bar.baz", "x", false},
	{"", "foo.*.baz", "foo.>", "", true, "foo.bar,foo.a.baz", "foo.bar", false},
	{"", "foo.*.baz", "foo.bar.*", "", true, "foo.bar.baz,foo.bar.x", "foo.bar.x", false},
	{"foo.>", "foo.bar", "foo.*", "", true, "foo.bar,foo.x", "foo.x", false},
	{"foo.>", "foo.bar", ">", "", false, "", "", false},

	// Queues.
	{"foo", "", "foo", "other", true, "foo", "foo", false},
	{"foo queue", "", "foo", "", false, "", "", false},
	{"foo queue", "", "foo", "queue", true, "foo", "foo", false},
	{"foo queue", "", "foo", "other", false, "", "", false},
	{"foo queue,foo", "", "foo", "", true, "foo", "foo", false},
	{"foo,foo queue", "", "foo", "queue", true, "foo", "foo", false},
	{"foo,foo queue", "", "foo", "other", false, "", "", false},
	{"foo *", "", "foo", "other", true, "foo", "foo", false},
	{"foo *", "", "foo", "a.b", false, "", "", false},
	{"foo >", "", "foo", "a.b", true, "foo", "foo", false},
	{"foo v1.*", "", "foo", "v1.a", true, "foo", "foo", false},
	{"foo v1.*", "", "foo", "v1.*", true, "", "", false},
	{"foo v1.*", "", "foo", "v1.>", false, "", "", false},
	{"foo v1.*", "", "foo", "*.a", false, "", "", false},
	{"foo v1.*", "", "foo", "v1", false, "", "", false},
	{"foo  queue", "", "foo", "queue", true, "foo", "foo", false},
	{"foo.*,foo.bar queue", "", "foo.bar", "", true, "", "", false},
	{"foo.*,foo.bar queue", "", "foo.bar", "x", false, "", "", false},
	{"foo.*,foo.bar queue", "", "foo.baz", "x", true, "foo.baz", "foo.baz", false},
	{"foo.*,foo.bar queue", "", "foo.*", "x", true, "foo.bar,foo.baz", "foo.baz", true},
	{"foo,> queue", "", "foo", "", true, "foo", "foo", false},
	{"foo,> queue", "", "foo", "x", false, "", "", false},
	{"foo,> queue", "", "bar", "", false, "", "", false},
	{"foo,> queue", "", "bar", "queue", true, "bar", "bar", false},
	{"> queue", "", "foo.>", "queue", true, "foo.a", "foo.a", false},
	{">", "", "_sys_", "_sys_", false, "", "", false},
	{"> *", "", "foo", "_sys_", false, "", "", false},
	{"", "foo queue", "foo", "", true, "foo", "foo", false},
	{"", "foo queue", "foo", "queue", false, "", "", false},
	{"", "foo queue", "foo", "other", true, "foo", "foo", false},
	{"", "foo queue", "foo", "q*", true, "foo", "foo", false},
	{"", "foo queue", "foo", ">", true, "foo", "foo", false},
	{"", "foo queue", "*", "queue", true, "foo,bar", "bar", false},
	{"", "foo queue", "*", "other", true, "foo,bar", "foo,bar", false},
	{"", "foo queue", ">", "", true, "foo,bar", "foo,bar", false},
	{"", "foo *", "foo", "", true, "foo", "foo", false},
	{"", "foo *", "foo", "x", false, "", "", false},
	{"", "foo *", "foo", "a.b", true, "foo", "foo", false},
	{"", "foo *", "*", "x", true, "foo,bar", "bar", false},
	{"", "foo", "foo", "queue", false, "", "", false},
	{"", "foo", "*", "x", true, "foo,b", "b", false},
	{"", "foo.* queue", "foo.>", "queue", false, "", "", false},
	{"", "foo.* queue", "*.bar", "queue", true, "foo.bar,x.bar", "x.bar", false},
	{"", "foo.* queue", "*.bar", "other", true, "foo.bar,x.bar", "foo.bar,x.bar", false},
	{"", "foo queue,bar", ">", "queue", true, "foo,bar,baz", "baz", false},
	{"", "foo queue,bar", ">", "other", true, "foo,bar,baz", "foo,baz", false},
	{"", "foo queue,bar", ">", "", true, "foo,bar,baz", "foo,baz", false},
	{"foo queue", "foo", "foo", "queue", false, "", "", false},
	{"foo", "foo queue", "foo", "queue", false, "", "", false},
	{"foo", "foo queue", "foo", "other", true, "foo", "foo", false},
	{"foo >", "foo *.prod", "foo", "a.prod", false, "", "", false},
	{"foo >", "foo *.prod", "foo", "*.prod", false, "", "", false},
	{"foo >", "foo *.prod", "foo", "*.dev", true, "", "", false},
	{"foo >", "foo *.prod", "foo", "", false, "", "", false},
	{"foo >", "foo *.prod", "foo", ">", true, "", "", false},
}

func (row *subscribeRow) permissions() Permissions {
	return Permissions{Subscribe: Subjects{list(row.allow), list(row.deny)}}
}

func TestSubscribe(t *testing.T) {
	for _, row := range subscribeRows {
		ok, filter := rights(t, row.permissions()).CanSubscribe(row.pattern, row.queue)
		if ok != row.ok {
			t.Errorf("%+v: %v", row, ok)
		}
		var got []string
		for _, s := range list(row.published) {
			if subject.Matches(row.pattern, s) && (filter == nil || !filter.Drops([]byte(s))) {
				got = append(got, s)
			}
		}
		if strings.Join(got, ",") != row.got {
			t.Errorf("%+v: got %v", row, got)
		}
	}
}

// publishRow is one publication. All rows hold for a stock server too (TestPeerPublish).
type publishRow struct {
	allow, deny string
	subject     string
	reply       string
	refused     string // what is said; "" if it is allowed
}

var publishRows = []publishRow{
	{"foo.*", "", "foo.a", "", ""},
	{"foo.*", "", "foo.a", "any", ""},
	{"foo.*", "", "foo", "", `Permissions Violation for Publish to "foo"`},
	{"foo.*", "", "foo.a.b", "", `Permissions Violation for Publish to "foo.a.b"`},
	{"foo.*", "", "foo.*", "", ""},
	{"foo.*", "", "foo.>", "", ""},
	{"foo.*", "", "*.a", "", `Permissions Violation for Publish to "*.a"`},
	{"foo.*", "", ">", "", `Permissions Violation for Publish to ">"`},
	{"foo.*", "", "foo.", "", `Permissions Violation for Publish to "foo."`},
	{"foo.>", "", "foo..a", "", `Permissions Violation for Publish to "foo..a"`},
	{">", "", ".foo", "", `Permissions Violation for Publish to ".foo"`},
	{"", "foo.*", "foo.a", "", `Permissions Violation for Publish to "foo.a"`},
	{"", "foo.*", "foo", "", ""},
	{"", "foo.*", "foo.a.b", "", ""},
	{"", "foo.*", "foo.>", "", `Permissions Violation for Publish to "foo.>"`},
	{"", "foo.*", "*.a", "", ""},
	{"", "foo.*", "foo..a", "", ""},
	{"", "foo.*", "bar", "foo.a", ""},
	{"", ">", "x", "", `Permissions Violation for Publish to "x"`},
	{"foo.>", "foo.bar.*", "foo.bar", "", ""},
	{"foo.>", "foo.bar.*", "foo.bar.x", "", `Permissions Violation for Publish to "foo.bar.x"`},
	{"foo.>", "foo.bar.*", "foo", "", `Permissions Violation for Publish to "foo"`},
	{"x", "", `a"b`, "", `Permissions Violation for Publish to "a\"b"`},
	{"x", "", "é", "", `Permissions Violation for Publish to "é"`},
	{"x", "", "a\x01b", "", `Permissions Violation for Publish to "a\x01b"`},

	// What is the server's own, whatever is allowed.
	{">", "", "foo", "$JS.ACK.x", `Permissions Violation for Publish with Reply of "$JS.ACK.x"`},
	{"", "", "foo", "_R_.x", `Permissions Violation for Publish with Reply of "_R_.x"`},
	{"", "", "foo", "_GR_.x", `Permissions Violation for Publish with Reply of "_GR_.x"`},
	{"", "", "foo", "$JS.ACK", ""},
	{"", "", "foo", "$JS.ACKX.y", ""},
	{"", "", "foo", "_RX", ""},
	{"", "", "foo", "$SYS.x", ""},
	{"", "", "_GR_.x", "", `Permissions Violation for Publish to "_GR_.x"`},
	{">", "", "_GR_.x", "", `Permissions Violation for Publish to "_GR_.x"`},
	{"", "", "_R_.x", "", ""},
	{"", "", "$JS.ACK.x", "", ""},
}

func (row *publishRow) permissions() Permissions {
	return Permissions{Publish: Subjects{list(row.allow), list(row.deny)}}
}

func TestPublish(t *testing.T) {
	for _, row := range publishRows {
		g := NewGuard(rights(t, row.permissions()))
		for range 3 { // also from the cache
			said := ""
			switch {
			case !g.CanPublish([]byte(row.subject)):
				said = PublishViolation([]byte(row.subject))
			case ReservedReply([]byte(row.reply)):
				said = ReplyViolation([]byte(row.reply))
			}
			if said != row.refused {
				t.Errorf("%+v: %s", row, said)
			}
		}
		g.Rest()
	}
}

func TestSubscriptionTexts(t *testing.T) {
	for want, got := range map[string]string{
		`Permissions Violation for Subscription to "a\"b"`:                            SubscribeViolation(`a"b`, ""),
		`Permissions Violation for Subscription to "foo" using queue "other"`:         SubscribeViolation("foo", "other"),
		`Permissions Violation for Subscription to "foo" (sid "1")`:                   SubscriptionRevoked("foo", "", "1"),
		`Permissions Violation for Subscription to "foo" using queue "q" (sid "abc")`: SubscriptionRevoked("foo", "q", "abc"),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestPermissionErrors(t *testing.T) {
	for entry, want := range map[string]string{
		"":        `subject "" is not a valid subject`,
		"a..b":    `subject "a..b" is not a valid subject`,
		"a b c":   `subject "a b c" is not a valid subject`,
		" foo ":   `subject " foo " is not a valid subject`,
		"a.>.b":   `subject "a.>.b" is not a valid subject`,
		"b b..b":  `queue "b..b" is not a valid queue`,
		"foo >.b": `queue ">.b" is not a valid queue`,
	} {
		for _, p := range []Permissions{{Subscribe: Subjects{Allow: []string{entry}}}, {Subscribe: Subjects{Deny: []string{"x", entry}}}} {
			if _, err := NewRights(&p); err == nil || err.Error() != want {
				t.Errorf("%q: %v", entry, err)
			}
		}
	}
	if _, err := NewRights(&Permissions{Publish: Subjects{Deny: []string{"foo queue"}}}); err == nil {
		t.Error("a queue to publish to")
	}
}

// FuzzSubscribe shows that whatever is configured and asked for, a subscription gets a subject if, and only if, a
// subscription to just that subject is allowed: no wildcard gets around a permission.
func FuzzSubscribe(f *testing.F) {
	f.Add("foo.*,bar queue", "foo.bar", "foo.>", "queue", "foo.baz")
	f.Add("*", "", ">", "", "a.b")
	f.Add("", "a.*.c q.*", "a.>", "q.1", "a.b.c")
	f.Fuzz(func(t *testing.T, allow, deny, pattern, queue, name string) {
		p := Permissions{Subscribe: Subjects{list(allow), list(deny)}}
		r, err := NewRights(&p)
		for _, entry := range slices.Concat(p.Subscribe.Allow, p.Subscribe.Deny) {
			if CheckSubjectAndQueue(entry) != nil {
				if err == nil {
					t.Fatalf("%q is taken", entry)
				}
				return
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if !subject.ValidPattern(pattern) || !subject.ValidLiteral(name) || !subject.Matches(pattern, name) {
			return
		}
		ok, filter := r.CanSubscribe(pattern, queue)
		if !ok {
			return
		}
		alone, _ := r.CanSubscribe(name, queue)
		if delivered := filter == nil || !filter.Drops([]byte(name)); delivered != alone {
			t.Errorf("%q as part of %q: delivered %v, but alone allowed %v", name, pattern, delivered, alone)
		}
	})
}

// FuzzPublish shows that a guard says what two loops over the patterns say, the first time and later.
func FuzzPublish(f *testing.F) {
	f.Add("foo.*", "foo.bar", "foo.bar", "foo.baz")
	f.Fuzz(func(t *testing.T, allow, deny, one, other string) {
		p := Permissions{Publish: Subjects{list(allow), list(deny)}}
		r, err := NewRights(&p)
		if err != nil {
			return
		}
		matches := func(patterns []string, name string) bool {
			return slices.ContainsFunc(patterns, func(p string) bool {
				return !slices.Contains(strings.Split(name, "."), "") && subject.Matches(p, name)
			})
		}
		g := NewGuard(r)
		defer g.Rest()
		for _, name := range []string{one, other, one, one, other} {
			want := (len(p.Publish.Allow) == 0 || matches(p.Publish.Allow, name)) && !matches(p.Publish.Deny, name) &&
				!strings.HasPrefix(name, "_GR_.")
			if got := g.CanPublish([]byte(name)); got != want {
				t.Errorf("%q: %v", name, got)
			}
		}
	})
}
