package loadgen

import (
	"strings"
	"testing"
)

func TestBlocksRepeatOneSubject(t *testing.T) {
	all := blocks([]string{"a.b"}, 3)
	if len(all) != 1 {
		t.Fatalf("%d blocks", len(all))
	}
	b, frame := all[0], "PUB a.b 3\r\nxxx\r\n"
	if len(b.data) > blockBytes || len(b.data) < blockBytes-len(frame) {
		t.Errorf("block of %d bytes", len(b.data))
	}
	if got := string(b.slice(3, 2)); got != frame+frame {
		t.Errorf("two frames are %q", got)
	}
	if string(b.slice(0, b.messages())) != strings.Repeat(frame, b.messages()) {
		t.Error("block is not made of equal frames")
	}
}

func TestBlocksCycleThroughSubjects(t *testing.T) {
	subjects := numbered("s.%05d", 20_000)
	var got []string
	for _, b := range blocks(subjects, 16) {
		if len(b.data) > blockBytes {
			t.Errorf("block of %d bytes", len(b.data))
		}
		for line := range strings.SplitSeq(string(b.data), "\r\n") {
			if subject, ok := strings.CutPrefix(line, "PUB "); ok {
				got = append(got, strings.TrimSuffix(subject, " 16"))
			}
		}
	}
	if strings.Join(got, "\n") != strings.Join(subjects, "\n") {
		t.Errorf("%d subjects, in another order or number", len(got))
	}
}

func TestBlocksHoldFramesLargerThanABlock(t *testing.T) {
	all := blocks([]string{"a", "b"}, 1<<20)
	if len(all) != 2 || all[0].messages() != 1 || all[1].messages() != 1 {
		t.Fatalf("%d blocks", len(all))
	}
}

func TestStamp(t *testing.T) {
	b := blocks([]string{"a"}, 20)[0]
	b.stamp(1, 2, 12345)
	payload := func(i int) []byte { return b.data[b.ends[i]-22 : b.ends[i]-2] }
	for i := 1; i < 3; i++ {
		if at, ok := readStamp(payload(i)); !ok || at != 12345 {
			t.Errorf("message %d: %d, %v", i, at, ok)
		}
	}
	for _, i := range []int{0, 3} {
		if _, ok := readStamp(payload(i)); ok {
			t.Errorf("message %d has a stamp", i)
		}
	}
	if _, ok := readStamp([]byte(stampMagic)); ok {
		t.Error("a short payload has a stamp")
	}
}

func TestToken(t *testing.T) {
	digits := make([]byte, 4)
	for number, want := range map[int64]string{0: "0000", 42: "0042", 123456: "3456"} {
		if putToken(digits, number); string(digits) != want {
			t.Errorf("%d is %s", number, digits)
		}
	}
}
