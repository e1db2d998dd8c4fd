package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// buildDir holds the binary under test; Main owns it.
var buildDir string

// Main runs the tests of a package that starts servers and removes the binary
// that they shared.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "myelin-testkit-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testkit: make a folder for the binary:", err)
		os.Exit(1)
	}
	defer os.RemoveAll(dir)
	buildDir = dir
	m.Run()
}

// Binary returns the path of the server under test, building it at first use.
func Binary(tb testing.TB) string {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal("testkit: ", err)
	}
	return path
}

// OwnBinary reports whether the server under test is the one of this tree, and
// not another that MYELIN_BIN names.
func OwnBinary() bool { return os.Getenv("MYELIN_BIN") == "" }

var binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("MYELIN_BIN"); path != "" {
		if !filepath.IsAbs(path) {
			return "", fmt.Errorf("MYELIN_BIN is %q; tests run in their own folders, so it has to be an absolute path", path)
		}
		return path, nil
	}
	if buildDir == "" {
		return "", fmt.Errorf("this package has to call testkit.Main from its TestMain")
	}
	return build(filepath.Join(buildDir, "myelin"))
})

func build(path string) (string, error) {
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "myelin/cmd/myelin")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the binary: %w\n%s", err, out)
	}
	return path, nil
}
