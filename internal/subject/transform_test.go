package subject

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

func noRandom(n uint32) uint32 { panic("no random number is wanted") }

// rows reads a table whose lines are: source => destination :: column.
func rows(t testing.TB, file string, visit func(source, dest, column string)) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		mapping, column, ok := strings.Cut(lines.Text(), " :: ")
		source, dest, ok2 := strings.Cut(mapping, " => ")
		if !ok || !ok2 {
			t.Fatalf("%s: bad line %q", file, lines.Text())
		}
		visit(source, dest, column)
	}
}

// The table holds what a stock server answered to a request on each subject.
func TestTransformMapsAsStock(t *testing.T) {
	zero := func(uint32) uint32 { return 0 }
	rows(t, "testdata/stock_transforms.txt", func(source, dest, column string) {
		subject, want, _ := strings.Cut(column, " ")
		transform, err := NewTransform(source, dest)
		if err != nil {
			t.Errorf("%s => %s: %v", source, dest, err)
			return
		}
		got, ok := transform.Apply(nil, []byte(subject), zero)
		if !ok {
			got = []byte(subject)
		}
		// The table is UTF-8; bytes that are not are written as \xNN.
		if escape(got) != want {
			t.Errorf("%s => %s: %s became %s, want %s", source, dest, subject, escape(got), want)
		}
	})
}

func escape(b []byte) string {
	const hex = "0123456789abcdef"
	var s strings.Builder
	for _, r := range strings.Split(string(b), "") {
		if len(r) == 1 && r[0] >= 0x80 {
			s.WriteString(`\x` + string(hex[r[0]>>4]) + string(hex[r[0]&15]))
		} else {
			s.WriteString(r)
		}
	}
	return s.String()
}

// The table holds what a stock server said about each mapping in its configuration.
func TestTransformErrorsAreStocks(t *testing.T) {
	rows(t, "testdata/stock_transform_errors.txt", func(source, dest, want string) {
		got := "ok"
		if _, err := NewTransform(source, dest); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s => %s: %s\nwant %s", source, dest, got, want)
		}
	})
}

// What a stock server cannot be asked: it crashes on an empty destination, takes `*b` in a source for a
// wildcard, and does not know left and right.
func TestTransformBeyondStock(t *testing.T) {
	for _, row := range []struct{ source, dest, subject, want string }{
		{"foo.*b", "x", "foo.*b", "x"},
		{"foo.*b", "x", "foo.ab", "no match"},
		{"foo.*", "bar.{{left(1,2)}}", "foo.abc", "bar.ab"},
		{"foo.*", "bar.{{Left( 1, 3 )}}", "foo.abc", "bar.abc"},
		{"foo.*", "bar.{{left(1,4)}}", "foo.abc", "bar.abc"},
		{"foo.*", "bar.{{left(1,0)}}", "foo.abc", "bar.abc"},
		{"foo.*", "bar.{{right(1,2)}}", "foo.abc", "bar.bc"},
		{"foo.*", "bar.{{right(1,9)}}.{{left(1,1)}}", "foo.abc", "bar.abc.a"},
		{"foo.*", "{{left(1)}}", "", "invalid mapping destination: not enough arguments passed to the function in {{left(1)}}"},
		{"foo.*", "{{right(1,2,3)}}", "", "invalid mapping destination: too many arguments passed to the function in {{right(1,2,3)}}"},
		{"foo.*", "{{right(2,1)}}", "", "invalid mapping destination: wildcard index out of range in {{right(2,1)}}: [2]"},
		{"foo", "", "", "invalid mapping destination: invalid transform"},
		{"", "foo", "", "invalid subject"},
		{"foo..bar", "foo", "", "invalid subject"},
		{">", "a.>", "", "a."},
	} {
		transform, err := NewTransform(row.source, row.dest)
		if err != nil {
			if err.Error() != row.want {
				t.Errorf("%s => %s: %v", row.source, row.dest, err)
			}
			continue
		}
		got, ok := transform.Apply(nil, []byte(row.subject), noRandom)
		if !ok {
			got = []byte("no match")
		}
		if string(got) != row.want {
			t.Errorf("%s => %s: %s became %s, want %s", row.source, row.dest, row.subject, got, row.want)
		}
	}
}

func TestTransformRandom(t *testing.T) {
	transform, err := NewTransform("foo", "bar.{{random(5)}}.{{Random(7)}}")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := transform.Apply([]byte("> "), []byte("foo"), func(n uint32) uint32 { return n - 1 })
	if string(got) != "> bar.4.6" {
		t.Errorf("mapped to %q", got)
	}
}

func TestApplyDoesNotAllocate(t *testing.T) {
	transform, err := NewTransform("a.*.*.>", "{{wildcard(2)}}.{{partition(9,1,2)}}.{{split(1,-)}}.{{sliceFromRight(2,2)}}.>")
	if err != nil {
		t.Fatal(err)
	}
	dst, subject := make([]byte, 0, 128), []byte("a.b-c.hello.x.y")
	if n := testing.AllocsPerRun(100, func() { dst, _ = transform.Apply(dst[:0], subject, noRandom) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if string(dst) != "hello.6.b.c.h.el.lo.x.y" {
		t.Errorf("mapped to %s", dst)
	}
}

// A transform applies exactly where its source matches, and leaves dst as it was elsewhere.
func FuzzTransform(f *testing.F) {
	rows(f, "testdata/stock_transforms.txt", func(source, dest, column string) {
		subject, _, _ := strings.Cut(column, " ")
		f.Add(source, dest, subject)
	})
	f.Fuzz(func(t *testing.T, source, dest, subject string) {
		transform, err := NewTransform(source, dest)
		if err != nil {
			return
		}
		if transform.Source() != source || transform.Dest() != dest {
			t.Fatal("source or destination changed")
		}
		got, ok := transform.Apply([]byte("before"), []byte(subject), func(n uint32) uint32 { return n / 2 })
		if !strings.HasPrefix(string(got), "before") || !ok && len(got) != len("before") {
			t.Fatalf("%q => %q: %q became %q", source, dest, subject, got)
		}
		if ValidPattern(subject) && ok != Matches(source, subject) {
			t.Fatalf("%q => %q applies to %q: %v", source, dest, subject, ok)
		}
	})
}

func BenchmarkApply(b *testing.B) {
	transform, err := NewTransform("orders.*.*", "shard.{{partition(16,1)}}.$2.$1")
	if err != nil {
		b.Fatal(err)
	}
	dst, subject := make([]byte, 0, 128), []byte("orders.customer77.created")
	for b.Loop() {
		dst, _ = transform.Apply(dst[:0], subject, noRandom)
	}
}
