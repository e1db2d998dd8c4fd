package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"myelin/examples/blog/post"
)

const (
	// maxBodyBytes stays below what a server takes as one message by default.
	maxBodyBytes   = 512 << 10
	publishTimeout = 5 * time.Second
)

// admin answers HTTP requests with the help of one connection.
type admin struct {
	nc *nats.Conn
}

func newHandler(nc *nats.Conn) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /publish", (&admin{nc}).publish)
	return mux
}

func (a *admin) publish(w http.ResponseWriter, r *http.Request) {
	p, err := readPost(w, r)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		http.Error(w, fmt.Sprintf("a post may have %d bytes", tooLarge.Limit), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := a.send(r.Context(), p); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, "Post publication is pending")
}

// readPost makes a post of the request's body, or says what is wrong with it.
func readPost(w http.ResponseWriter, r *http.Request) (*post.Post, error) {
	var body struct {
		Title   string `json:"title"`
		Content string `json:"content"`
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return nil, fmt.Errorf("the body is no post: %w", err)
	}
	if _, err := post.Name(body.Title); err != nil {
		return nil, err
	}
	if strings.TrimSpace(body.Content) == "" {
		return nil, errors.New("the content is empty")
	}
	return &post.Post{Title: body.Title, Content: body.Content, Published: timestamppb.Now()}, nil
}

// send publishes a post and waits until the server has it: a publish alone only
// fills the client's buffer.
func (a *admin) send(ctx context.Context, p *post.Post) error {
	data, err := proto.Marshal(p)
	if err != nil {
		return fmt.Errorf("encode the post: %w", err)
	}
	if err := a.nc.Publish(post.Subject, data); err != nil {
		return fmt.Errorf("publish the post: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	if err := a.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("publish the post: %w", err)
	}
	return nil
}
