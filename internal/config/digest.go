package config

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"myelin/internal/must"
)

// digest identifies what a file says, apart from comments, order and layout: the hash of the tree as one line of
// JSON. The stock server's is the same for the same file, so the two can be compared in a mixed fleet.
func digest(m *Map) string {
	hash := sha256.New()
	w := bufio.NewWriter(hash)
	writeJSON(w, m)
	must.OK(w.WriteByte('\n'))
	must.OK(w.Flush())
	return "sha256:" + hex.EncodeToString(hash.Sum(nil))
}

// jsonWriter is a buffer that cannot fail.
type jsonWriter interface {
	io.ByteWriter
	io.Writer
}

// writeJSON writes a *Map, an Array or a single value, with the names of a map in order. It writes as it goes: a
// tree whose variables repeat is far larger as text.
func writeJSON(w jsonWriter, data any) {
	switch data := data.(type) {
	case *Map:
		fields := slices.SortedFunc(slices.Values(data.Fields), func(a, b *Field) int { return strings.Compare(a.Name, b.Name) })
		w.WriteByte('{')
		for i, f := range fields {
			if i > 0 {
				w.WriteByte(',')
			}
			writeJSON(w, f.Name)
			w.WriteByte(':')
			writeJSON(w, f.Value.Data)
		}
		w.WriteByte('}')
	case Array:
		w.WriteByte('[')
		for i, v := range data {
			if i > 0 {
				w.WriteByte(',')
			}
			writeJSON(w, v.Data)
		}
		w.WriteByte(']')
	default:
		w.Write(must.Get(json.Marshal(data)))
	}
}
