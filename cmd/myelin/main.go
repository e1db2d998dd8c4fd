// Command myelin is a NATS-compatible messaging server, and a client for one.
package main

import (
	"os"

	"myelin/internal/cli"
)

func main() {
	os.Exit(cli.Run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
