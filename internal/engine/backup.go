package engine

import "myelin/internal/stream"

// Copies reports whether a consumer serves a mirror or a source. Backups leave it out: who copies makes it again, where
// it goes on.
func Copies(c *stream.ConsumerConfig) bool { return c.Direct || c.Metadata[copierKey] != "" }
