package blog

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"myelin/examples/blog/post"
	"myelin/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// A post that is given to the admin becomes a page of the generator, with its
// text escaped; what is no post becomes an error for whoever sent it, or a line
// in the generator's log, and both services go on.
func TestBlog(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	folder := t.TempDir()
	admin := run(t, "admin", "-nats", server.URL(), "-listen", "127.0.0.1:0")
	generator := run(t, "generator", "-nats", server.URL(), "-listen", "127.0.0.1:0", "-dir", filepath.Join(folder, "pages"))
	page := generator + "/hello-world.html"

	if status, _ := get(t, page); status != http.StatusNotFound {
		t.Errorf("before the post, its page has the status %d", status)
	}
	publish(t, admin, `{"title":"Hello, World!","content":"1 < 2 & <b>so on</b>\n\nGood bye."}`, http.StatusAccepted)
	var text string
	testkit.Eventually(t, "the page to appear", func() bool {
		var status int
		status, text = get(t, page)
		return status == http.StatusOK
	})
	for _, want := range []string{
		"<title>Hello, World!</title>", "<h1>Hello, World!</h1>", "<time datetime=\"20",
		"<p>1 &lt; 2 &amp; &lt;b&gt;so on&lt;/b&gt;</p>", "<p>Good bye.</p>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s: %s", want, text)
		}
	}

	refusals(t, admin)
	oddTitles(t, server, admin, generator)
	onlyPages(t, folder)

	server.Kill()
	publish(t, admin, `{"title":"Late","content":"No server."}`, http.StatusServiceUnavailable)
	server.Start()
	testkit.Eventually(t, "the services to be back", func() bool {
		return send(t, admin, `{"title":"Late","content":"A server."}`) == http.StatusAccepted
	})
}

// refusals gives the admin what is no post.
func refusals(t *testing.T, admin string) {
	t.Helper()
	for body, want := range map[string]int{
		`{`: http.StatusBadRequest,
		`{"title":"x","content":"y","colour":"z"}`:                           http.StatusBadRequest,
		`{"title":"","content":"y"}`:                                         http.StatusBadRequest,
		`{"title":"../..","content":"y"}`:                                    http.StatusBadRequest,
		`{"title":"x","content":" "}`:                                        http.StatusBadRequest,
		`{"title":"x","content":"` + strings.Repeat("long ", 200_000) + `"}`: http.StatusRequestEntityTooLarge,
	} {
		publish(t, admin, body, want)
	}
	if status, _ := get(t, admin+"/publish"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET /publish has the status %d", status)
	}
}

// oddTitles publishes what the admin would not, and a title that looks like a
// path, which it may.
func oddTitles(t *testing.T, server *testkit.Server, admin, generator string) {
	t.Helper()
	nc, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, junk := range []string{"\xff\xff\xff", "", "\x0a\x05../.."} {
		if err := nc.Publish(post.Subject, []byte(junk)); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	publish(t, admin, `{"title":"../../etc/passwd","content":"none"}`, http.StatusAccepted)
	testkit.Eventually(t, "the page of the odd title to appear", func() bool {
		status, _ := get(t, generator+"/etc-passwd.html")
		return status == http.StatusOK
	})
	for _, path := range []string{"/", "/..%2fsecret.html", "/.hello-world.html", "/hello-world"} {
		if status, _ := get(t, generator+path); status != http.StatusNotFound {
			t.Errorf("%s has the status %d", path, status)
		}
	}
}

// onlyPages looks for files that should not be there.
func onlyPages(t *testing.T, folder string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprint([]string{
		filepath.Join(folder, "pages", "etc-passwd.html"), filepath.Join(folder, "pages", "hello-world.html"),
	})
	if fmt.Sprint(files) != want {
		t.Errorf("the files are %v instead of %s", files, want)
	}
}

// run builds and starts a service, and returns its address once it listens. The
// service is stopped when the test ends, and has to end well.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", path, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	command := exec.Command(path, args...)
	log, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	lines.Scan()
	address := regexp.MustCompile(`http://\S+$`).FindString(lines.Text())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}()
	t.Cleanup(func() {
		if err := command.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
		<-ended
		if err := command.Wait(); err != nil {
			t.Errorf("%s ends with %v", name, err)
		}
	})
	if address == "" {
		t.Fatalf("%s begins with %q", name, lines.Text())
	}
	return address
}

func publish(t *testing.T, admin, body string, want int) {
	t.Helper()
	if status := send(t, admin, body); status != want {
		t.Errorf("%.60s has the status %d instead of %d", body, status, want)
	}
}

// send posts to the admin and returns the status. Whatever it is, there are
// words to it.
func send(t *testing.T, admin, body string) (status int) {
	t.Helper()
	response, err := http.Post(admin+"/publish", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) == 0 {
		t.Errorf("%.60s is answered without a word", body)
	}
	return response.StatusCode
}

func get(t *testing.T, url string) (status int, text string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
