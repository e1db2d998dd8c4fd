package stream

import "testing"

func TestOrderKey(t *testing.T) {
	for _, c := range []struct{ text, subject, header, want string }{
		{"subject:1", "a.b.c", "", "a"},
		{"subject:3", "a.b.c", "", "c"},
		{"subject:4", "a.b.c", "", ""},
		{"header:Key", "a", "NATS/1.0\r\nKey: x y\r\n\r\n", "x y"},
		{"header:Key", "a", "NATS/1.0\r\nOther: x\r\n\r\n", ""},
		{"header:Key", "a", "", ""},
	} {
		key, ok := parseOrderKey(c.text)
		if !ok {
			t.Errorf("%s is not understood", c.text)
		}
		if got, ok := key.Of([]byte(c.subject), []byte(c.header)); string(got) != c.want || ok != (c.want != "") {
			t.Errorf("%s of %s %q: %q %v", c.text, c.subject, c.header, got, ok)
		}
	}
	stream := &Config{Name: "A", Subjects: []string{"a"}}
	for _, text := range []string{"", "subject", "subject:", "subject:0", "subject:-1", "subject:65", "subject:x", "header:", "header:a b", "key"} {
		cfg := ConsumerConfig{Durable: "c", Ack: AckExplicit, Metadata: map[string]string{MetaOrderKey: text}}
		if _, err := CheckConsumer(cfg, stream, ConsumerBounds{}, false); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	cfg := ConsumerConfig{Durable: "c", Ack: AckAll, Metadata: map[string]string{MetaOrderKey: "subject:1"}}
	if _, err := CheckConsumer(cfg, stream, ConsumerBounds{}, false); err == nil {
		t.Error("taken without explicit acks")
	}
	cfg.Ack = AckExplicit
	old, err := CheckConsumer(cfg, stream, ConsumerBounds{}, false)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Metadata = map[string]string{MetaOrderKey: "subject:2"}
	if _, err := CheckConsumerUpdate(old, cfg, stream, ConsumerBounds{}, false); err == nil {
		t.Error("changed")
	}
}
