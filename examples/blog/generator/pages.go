package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"myelin/examples/blog/post"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pages is the folder of the blog. The root keeps every access within it, also
// should a name try to lead out.
type pages struct {
	root *os.Root
}

func (p *pages) Close() error { return p.root.Close() }

// write makes a page of an encoded post and returns its file name. A second
// post of that name takes the place of the first.
func (p *pages) write(data []byte) (string, error) {
	var message post.Post
	if err := proto.Unmarshal(data, &message); err != nil {
		return "", fmt.Errorf("decode: %w", err)
	}
	name, err := post.Name(message.GetTitle())
	if err != nil {
		return "", err
	}
	text, err := render(&message)
	if err != nil {
		return "", fmt.Errorf("render %q: %w", message.GetTitle(), err)
	}
	file := name + ".html"
	if err := p.replace(file, text); err != nil {
		return "", fmt.Errorf("write %s: %w", file, err)
	}
	return file, nil
}

// replace writes a file aside and renames it, so that nobody is served half a
// page.
func (p *pages) replace(file string, text []byte) error {
	aside := "." + file
	if err := p.root.WriteFile(aside, text, 0o644); err != nil {
		return err
	}
	return p.root.Rename(aside, file)
}

func render(message *post.Post) ([]byte, error) {
	published := time.Now()
	if stamp := message.GetPublished(); stamp.IsValid() {
		published = stamp.AsTime()
	}
	var text bytes.Buffer
	err := pageTemplate.Execute(&text, map[string]any{
		"Title":      message.GetTitle(),
		"Published":  published.Format(time.DateOnly),
		"Paragraphs": paragraphs(message.GetContent()),
	})
	return text.Bytes(), err
}

// paragraphs splits a text at its blank lines.
func paragraphs(text string) []string {
	var found []string
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if part = strings.TrimSpace(part); part != "" {
			found = append(found, part)
		}
	}
	return found
}

// handler serves the finished pages by their names, and nothing else.
func (p *pages) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{page}", func(w http.ResponseWriter, r *http.Request) {
		page := r.PathValue("page")
		if !strings.HasSuffix(page, ".html") || strings.HasPrefix(page, ".") {
			http.NotFound(w, r)
			return
		}
		text, err := p.root.ReadFile(page)
		if errors.Is(err, fs.ErrNotExist) {
			http.NotFound(w, r)
			return
		}
		if err != nil {
			http.Error(w, "the page cannot be read", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		// Whether the reader gets it is the reader's business.
		_, _ = w.Write(text)
	})
	return mux
}
