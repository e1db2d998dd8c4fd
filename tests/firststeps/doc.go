// Package firststeps runs the commands that docs/SECURITY.md gives to whoever begins, word for word and with the real
// binary, and then tries whether what they promise is so.
package firststeps
