// Command generator writes a page for each post that is published, and serves
// the pages.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"myelin/examples/blog/post"
)

const shutdownGrace = 5 * time.Second

func main() {
	log.SetFlags(0)
	log.SetPrefix("generator: ")
	url := flag.String("nats", nats.DefaultURL, "where the messaging server is")
	listen := flag.String("listen", "127.0.0.1:8080", "where to serve the pages")
	dir := flag.String("dir", "pages", "the folder for the pages; made if it is not there")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *url, *listen, *dir); err != nil {
		log.Fatal(err)
	}
}

// run serves until the context ends.
func run(ctx context.Context, url, listen, dir string) error {
	pages, err := openPages(dir)
	if err != nil {
		return err
	}
	defer pages.Close()
	closed := make(chan struct{})
	nc, err := subscribe(url, pages, closed)
	if err != nil {
		return err
	}
	defer nc.Close()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: pages.handler(), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	log.Printf("listening on http://%s", listener.Addr())

	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	return stop(nc, closed, server)
}

// subscribe connects to the server and hands each post to the pages. Closed is
// closed with the connection.
func subscribe(url string, pages *pages, closed chan struct{}) (*nats.Conn, error) {
	nc, err := nats.Connect(url, nats.Name("blog generator"), nats.MaxReconnects(-1),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", url, err)
	}
	_, err = nc.Subscribe(post.Subject, func(m *nats.Msg) {
		name, err := pages.write(m.Data)
		if err != nil {
			log.Printf("a post is dropped: %v", err)
			return
		}
		log.Printf("wrote %s", name)
	})
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("subscribe to %s: %w", post.Subject, err)
	}
	return nc, nil
}

// stop writes the posts that have arrived and finishes the requests under way.
func stop(nc *nats.Conn, closed chan struct{}, server *http.Server) error {
	grace, cancel := context.WithTimeout(context.Background(), shutdownGrace)
	defer cancel()
	if err := nc.Drain(); err == nil {
		select {
		case <-closed:
		case <-grace.Done():
		}
	}
	err := server.Shutdown(grace)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

func openPages(dir string) (*pages, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder for pages: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder for pages: %w", err)
	}
	return &pages{root: root}, nil
}
