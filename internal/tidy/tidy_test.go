package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "myelin"

// layers are our packages from the lowest to the highest. A package imports only packages of lower
// layers; those of one layer do not know each other.
var layers = [][]string{
	{"internal/apierr", "internal/must", "internal/bin", "internal/base62", "internal/decimal", "internal/jsonl", "internal/header", "internal/heap", "internal/version", "internal/pki", "internal/tidy"},
	{"internal/clock", "internal/vfs", "internal/machine", "internal/seqset", "internal/subject", "internal/store/seal"},
	{"internal/stream", "internal/auth", "internal/msgtrace"},
	{"internal/auth/callout", "internal/auth/resolver"},
	{"internal/auth/jwts"},
	{"internal/gate", "internal/staple", "internal/netx", "internal/nats/wire", "internal/config", "internal/logging", "internal/store", "internal/store/segment", "internal/store/wal"},
	{"internal/router", "internal/replica", "internal/meta", "internal/consumer", "internal/store/home"},
	{"internal/jetstream/wire"},
	{"internal/engine"},
	{"internal/broker", "internal/report"},
	{"internal/nats", "internal/jetstream", "internal/monitor", "internal/system"},
	{"server", "internal/testkit", "internal/loadgen", "internal/cli/nagios", "internal/cli/nscstore"},
	{"internal/cli"},
	{"cmd/myelin", "bench"},
}

// tops are folders above all layers: programs and tests that nothing imports from.
var tops = []string{"examples/", "tests/"}

// machines are pure: commands in, effects out. They may import the packages of machineImports and our
// own pure ones, and use neither goroutines nor channels.
var machines = []string{"internal/consumer", "internal/meta", "internal/stream"}

// machineImports are packages that give the same for the same input, on any machine and with any later Go.
//
// Counters are numbers of any size, and say in JSON what came of which source: that takes math/big and encoding/json,
// which sorts the keys of maps.
var machineImports = []string{
	"bytes", "cmp", "crypto/sha256", "encoding/binary", "encoding/json", "errors", "fmt", "hash/crc32", "iter", "math", "math/big", "math/bits", "slices", "sort", "strconv", "strings", "time", "unicode/utf8",
}

// files parses the Go files of the repository, by package folder.
func files(t *testing.T) map[string][]*ast.File {
	t.Helper()
	root := filepath.Join("..", "..")
	packages := map[string][]*ast.File{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && (name == "testdata" || name == "node_modules" || name == "bin" || strings.HasPrefix(name, ".") && path != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		packages[dir] = append(packages[dir], file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 10 {
		t.Fatalf("found %d packages only", len(packages))
	}
	return packages
}

func imports(file *ast.File) []string {
	paths := make([]string, len(file.Imports))
	for i, spec := range file.Imports {
		paths[i] = strings.Trim(spec.Path.Value, `"`)
	}
	return paths
}

func layerOf(dir string) int {
	return slices.IndexFunc(layers, func(layer []string) bool { return slices.Contains(layer, dir) })
}

func isTop(dir string) bool {
	return slices.ContainsFunc(tops, func(top string) bool { return strings.HasPrefix(dir, top) })
}

func TestImportsGoDown(t *testing.T) {
	for dir, list := range files(t) {
		own := layerOf(dir)
		if own < 0 && !isTop(dir) {
			t.Errorf("%s stands in no layer: enter it in this test where it belongs", dir)
			continue
		}
		for _, file := range list {
			for _, path := range imports(file) {
				imported, ours := strings.CutPrefix(path, module+"/")
				if !ours || isTop(dir) {
					continue
				}
				if layer := layerOf(imported); layer < 0 || layer >= own {
					t.Errorf("%s imports %s, which is not below it", dir, imported)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for dir, list := range files(t) {
		documented := slices.ContainsFunc(list, func(f *ast.File) bool { return f.Doc != nil && len(f.Doc.Text()) > 40 })
		generated := slices.ContainsFunc(list, ast.IsGenerated)
		if !documented && !generated {
			t.Errorf("%s has no doc comment", dir)
		}
	}
}

func TestMachinesArePure(t *testing.T) {
	packages := files(t)
	for _, dir := range machines {
		if len(packages[dir]) == 0 {
			t.Errorf("%s is named as a machine and does not exist", dir)
		}
		for _, file := range packages[dir] {
			for _, impurity := range impurities(file) {
				t.Errorf("%s is a machine and %s", dir, impurity)
			}
		}
	}
}

// impurities are the reasons why a file is not part of a pure machine.
func impurities(file *ast.File) (found []string) {
	for _, path := range imports(file) {
		if !strings.HasPrefix(path, module+"/") && !slices.Contains(machineImports, path) {
			found = append(found, "imports "+path)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n.(type) {
		case *ast.GoStmt:
			found = append(found, "starts a goroutine")
		case *ast.ChanType, *ast.SelectStmt, *ast.SendStmt:
			found = append(found, "uses channels")
		}
		return true
	})
	return found
}

// The check of purity itself must be able to fail.
func TestImpuritiesAreFound(t *testing.T) {
	const source = `package p
import ("os"; "strings")
func f(c chan int) { go f(c); select {}; _ = os.Args; _ = strings.ToUpper }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(impurities(file), ", ")
	if want := "imports os, uses channels, starts a goroutine, uses channels"; got != want {
		t.Fatalf("found %q, want %q", got, want)
	}
}

// Time and files come from package clock and package vfs, so that tests and simulations decide over them.
func TestTimeAndFilesAreInjected(t *testing.T) {
	forbidden := map[string][]string{
		"time": {"Now", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Since", "Until"},
		"os":   {"Open", "OpenFile", "Create", "ReadFile", "WriteFile", "Remove", "RemoveAll", "Rename", "Mkdir", "MkdirAll", "ReadDir"},
	}
	free := []string{"internal/clock", "internal/vfs", "internal/jsonl", "internal/testkit", "internal/loadgen", "internal/cli", "internal/cli/nscstore", "cmd/myelin", "bench"}
	for dir, list := range files(t) {
		if isTop(dir) || slices.Contains(free, dir) {
			continue
		}
		for _, file := range list {
			ast.Inspect(file, func(n ast.Node) bool {
				sel, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Obj == nil && slices.Contains(forbidden[pkg.Name], sel.Sel.Name) {
					t.Errorf("%s uses %s.%s: take a clock.Clock or a vfs.FS", dir, pkg.Name, sel.Sel.Name)
				}
				return true
			})
		}
	}
}

// The module names no broker.
func TestNoBrokerIsADependency(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, broker := range []string{"nats-io/nats-server", "mochi-mqtt/server", "franz-go/pkg/kfake"} {
		if strings.Contains(string(mod), broker) {
			t.Errorf("go.mod names %s", broker)
		}
	}
}
