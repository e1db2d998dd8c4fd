// Package config turns a command line and a configuration file into one immutable Config.
//
// There are three steps, each of which can be used by itself.
//
// The language. Parse reads a file of the NATS configuration language, with what it includes and the
// environment variables that it names, into a tree: a Map of Fields whose Values know where they were
// written. lexer.go knows what characters mean, word.go what an unquoted word stands for, parser.go how
// fields nest, source.go where text comes from and how much of it there may be.
//
// The meaning. LoadFile decodes the tree into a Config. What a block may hold is a table of keys, and a
// key is its names and the function that decodes its value; block.go walks such tables and knows nothing
// of any key. Each block_*.go holds the tables of one subject; blocks of features to come get a file of
// their own and leave block_later.go, which refuses by name what does not exist yet. A key that stands in
// no table is an error, so that nothing that an operator writes is ever silently ignored.
//
// Secrets are of a type that hides itself when it is printed or encoded, so that no log and no monitoring page
// can show one by accident.
//
// The command line. ParseFlags reads the flags of nats-server (flag_table.go is the list of them).
// Flags.Load puts the three layers on top of each other: defaults, then the file, then the flags.
//
// Errors that come from a file start with file:line:column, counted from 1, the column in bytes. All that
// is wrong with the meaning of a file is reported at once, one line each; a syntax error ends the reading.
package config
