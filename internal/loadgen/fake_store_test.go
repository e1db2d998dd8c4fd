package loadgen

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A fakeStore counts messages in streams whose first subject is literal, or
// covers everything. It keeps what it counted in a file, at each change of an
// API call, when it has a folder.
type fakeStore struct {
	file    string
	server  *fakeServer
	Streams map[string]*fakeStream
}

type fakeStream struct {
	Config streamConfig
	State  streamState

	messages  []fakeMessage // those removed are empty
	last      map[string]int
	consumers map[string]*fakeConsumer
}

// open takes the store's folder from the server's arguments.
func (s *fakeStore) open(args []string) error {
	dir := ""
	if i := slices.Index(args, "-sd"); i >= 0 {
		dir = args[i+1]
	} else if i := slices.Index(args, "-c"); i >= 0 {
		dir = args[i+1] + ".store"
	}
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s.file = filepath.Join(dir, "state.json")
	text, err := os.ReadFile(s.file)
	if os.IsNotExist(err) {
		return nil
	} else if err != nil {
		return err
	}
	return json.Unmarshal(text, s)
}

func (s *fakeStore) save() {
	text, err := json.Marshal(s)
	if err == nil && s.file != "" {
		err = os.WriteFile(s.file, text, 0o600)
	}
	if err != nil {
		panic(err) // it ends the server, and the test with it
	}
}

// answer says what the API, or a stream, answers to a message, and whether it
// does.
func (s *fakeStore) answer(subject, reply, header string, body []byte) (fakeAnswer, bool) {
	if call, ok := strings.CutPrefix(subject, "$JS.API.CONSUMER."); ok {
		return s.consumerCall(call, reply, body)
	}
	if call, ok := strings.CutPrefix(subject, "$JS.API."); ok {
		return s.call(call, body)
	}
	for _, st := range s.Streams {
		if fakeMatches(st.Config.Subjects[0], subject) {
			s.enter(st, fakeMessage{subject, header, string(body)})
			st.limit()
			return fakeAnswer{body: fmt.Sprintf(`{"stream":%q,"seq":%d}`, st.Config.Name, st.State.Last)}, true
		}
	}
	return fakeAnswer{}, false
}

func (s *fakeStore) call(call string, body []byte) (fakeAnswer, bool) {
	if call == "INFO" {
		return fakeAnswer{body: fmt.Sprintf(`{"streams":%d}`, len(s.Streams))}, true
	}
	if direct, ok := strings.CutPrefix(call, "DIRECT.GET."); ok {
		return s.direct(direct)
	}
	i := strings.LastIndexByte(call, '.')
	verb, name := call[:i], call[i+1:]
	if verb == "STREAM.CREATE" || verb == "STREAM.UPDATE" {
		return s.configure(name, body), true
	}
	st := s.Streams[name]
	if st == nil {
		return fakeAnswer{body: `{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`}, true
	}
	switch verb {
	case "STREAM.INFO":
		s.save()
		text, _ := json.Marshal(st.State) // numbers only
		return fakeAnswer{body: fmt.Sprintf(`{"state":%s}`, text)}, true
	case "STREAM.MSG.DELETE":
		st.State.Messages--
	case "STREAM.PURGE":
		st.keep(0)
	default:
		return fakeAnswer{}, false
	}
	return fakeAnswer{body: `{"success":true}`}, true
}

func (s *fakeStore) configure(name string, body []byte) fakeAnswer {
	st := s.Streams[name]
	if st == nil {
		st = &fakeStream{State: streamState{First: 1}}
		if s.Streams == nil {
			s.Streams = make(map[string]*fakeStream)
		}
		s.Streams[name] = st
	}
	if err := json.Unmarshal(body, &st.Config); err != nil {
		return fakeAnswer{body: `{"error":{"code":400,"err_code":10025,"description":"invalid JSON"}}`}
	}
	if st.Config.MaxAge > 0 {
		st.keep(0)
	}
	st.limit()
	s.save()
	return fakeAnswer{body: `{"config":{}}`}
}

func (st *fakeStream) limit() {
	if st.Config.MaxMsgs >= 0 {
		st.keep(int64(st.Config.MaxMsgs))
	}
}

// keep removes all but the last n messages.
func (st *fakeStream) keep(n int64) {
	if st.State.Messages > n {
		st.State.Messages, st.State.First = n, st.State.Last+1-n
	}
}

func (s *fakeStore) direct(call string) (fakeAnswer, bool) {
	name, _, _ := strings.Cut(call, ".")
	st := s.Streams[name]
	if st == nil || st.State.Messages == 0 {
		return fakeStatus("404 Message Not Found"), true
	}
	return fakeAnswer{header: "NATS/1.0\r\nNats-Stream: " + name + "\r\n\r\n", body: "x"}, true
}
