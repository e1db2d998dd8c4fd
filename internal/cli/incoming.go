package cli

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats.go"
)

// record is a received message in JSON output, one per line.
type record struct {
	Subject    string        `json:"subject"`
	Reply      string        `json:"reply,omitempty"`
	Headers    nats.Header   `json:"headers,omitempty"`
	Data       *string       `json:"data,omitempty"`        // a payload that is UTF-8
	DataBase64 []byte        `json:"data_base64,omitempty"` // any other
	Time       time.Time     `json:"time"`                  // of arrival
	RTT        time.Duration `json:"rtt_ns,omitempty"`      // of a request
}

func newRecord(m *nats.Msg, now time.Time) record {
	r := record{Subject: m.Subject, Reply: m.Reply, Headers: m.Header, Time: now}
	if utf8.Valid(m.Data) {
		data := string(m.Data)
		r.Data = &data
	} else {
		r.DataBase64 = m.Data
	}
	return r
}

// translated is the payload as --translate wants it shown.
func translated(m *nats.Msg, command string) ([]byte, error) {
	if command == "" {
		return m.Data, nil
	}
	words, err := splitWords(command)
	if err != nil {
		return nil, fmt.Errorf("--translate: %w", err)
	}
	filter := exec.Command(words[0], words[1:]...)
	filter.Stdin = bytes.NewReader(m.Data)
	data, err := filter.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("--translate: %w: %s", err, bytes.TrimSpace(data))
	}
	return data, nil
}

// printMessage writes headers and payload for people to read.
func printMessage(con *console, m *nats.Msg, data []byte) {
	printHeaders(con, m.Header)
	printBody(con, data)
	con.printf("\n")
}

func printHeaders(con *console, h nats.Header) {
	for _, key := range slices.Sorted(maps.Keys(h)) {
		for _, value := range h[key] {
			con.printf("%s: %s\n", key, value)
		}
	}
	if len(h) > 0 {
		con.printf("\n")
	}
}

// printBody writes a payload and ends its line.
func printBody(con *console, data []byte) {
	if len(data) == 0 {
		con.printf("nil body\n")
		return
	}
	con.out.Write(data)
	if !bytes.HasSuffix(data, []byte("\n")) {
		con.printf("\n")
	}
}
