package cli

import (
	"errors"
	"fmt"
	"os"

	"myelin/internal/config"
	"myelin/internal/version"
	"myelin/internal/vfs"
	"myelin/server"
)

// commandsHint stands below the server's usage when there are commands beside it.
const commandsHint = "Client commands, and a server to try things with: myelin help\n\n"

// serve does what a command line of server flags asks for; program is the name it was called by.
func serve(con *console, program string, args []string) int {
	flags, err := config.ParseFlags(args)
	if misuse := (*config.UsageError)(nil); errors.As(err, &misuse) {
		fmt.Fprintln(con.err, err)
		printUsage(con, program)
		return exitFailure
	}
	if err != nil {
		return refuse(con, err)
	}
	switch flags.Action {
	case config.Help:
		printUsage(con, program)
	case config.HelpTLS:
		con.printf("%s", config.UsageTLS(program))
	case config.Version:
		con.printf("%s: v%s\n", serverName, version.NATS)
	case config.TestConfig:
		return testConfig(con, flags)
	case config.SendSignal:
		if err := sendSignal(flags.Signal.Name, flags.Signal.Target); err != nil {
			return refuse(con, err)
		}
	default:
		return runServer(flags)
	}
	return exitOK
}

func printUsage(con *console, program string) {
	con.printf("%s", config.Usage(program))
	if program != serverName {
		con.printf("%s", commandsHint)
	}
}

// refuse says why there will be no server, after the name that stock servers and their test suites have there.
func refuse(con *console, err error) int {
	fmt.Fprintf(con.err, "%s: %v\n", serverName, err)
	return exitFailure
}

func testConfig(con *console, flags *config.Flags) int {
	text, err := flags.Test(vfs.OS{}, os.LookupEnv)
	if err != nil {
		return refuse(con, err)
	}
	fmt.Fprintf(con.err, "%s: %s\n", serverName, text)
	return exitOK
}

func runServer(flags *config.Flags) int {
	return server.Run(func() (*server.Config, error) { return flags.Load(vfs.OS{}, os.LookupEnv) })
}
