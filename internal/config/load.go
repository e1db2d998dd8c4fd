package config

import (
	"errors"

	"myelin/internal/vfs"
)

// serverBlock is the outermost block of a file.
var serverBlock = newBlock(listenKeys, logKeys, monitorKeys, limitKeys, lifeKeys, mappingKeys, jetStreamKeys, authKeys, operatorKeys, tlsKeys, ocspKeys, laterKeys)

// LoadFile reads a configuration file on top of the defaults. Its errors are of the file system, a single *Error
// for the language, or Errors for the meaning.
func LoadFile(fs vfs.FS, file string, lookup LookupEnv) (*Config, error) {
	return load(fs, file, lookup, nil)
}

// load puts the defaults, a file unless file is "", and changes on top of each other.
func load(fs vfs.FS, file string, lookup LookupEnv, changes []change) (*Config, error) {
	c, d := Default(), newDecoder()
	if file != "" {
		tree, err := Parse(fs, file, lookup)
		if err != nil {
			return nil, err
		}
		c.File, c.Digest = file, digest(tree)
		if len(tree.Fields) == 0 {
			d.warnings = append(d.warnings, file+": config has no values or is empty")
		}
		serverBlock.decode(d, c, tree)
	}
	for _, ch := range changes {
		if at, set := d.places[ch.key]; set && ch.alone {
			d.fail(at, duplicate, ch.key)
		}
		ch.apply(c)
		delete(d.places, ch.key)
	}
	c.Warnings = d.warnings
	c.normalize()
	if d.err() == nil {
		d.place(c.problems())
	}
	if d.err() == nil {
		d.place(c.fileProblems(fs))
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// place reports problems where the keys that they are about were set; those of flags have no place.
func (d *decoder) place(ps []problem) {
	for _, p := range ps {
		if at, ok := d.places[p.key]; ok {
			d.fail(at, "%s", p.text)
		} else {
			d.report(errors.New(p.text))
		}
	}
}
