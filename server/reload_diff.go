package server

import (
	"fmt"
	"reflect"

	"myelin/internal/config"
)

// change is a setting that another configuration has otherwise.
type change struct {
	path     string // of the field in Config, with dots
	old, now any
}

// whole are the fields of Config that are compared as one, though they have fields of their own.
var whole = map[string]bool{"TLS": true, "OCSP": true, "OCSPCache": true, "Operators.Resolver": true, "Operators.Preload": true, "JetStream.Limits": true}

// noSettings are the fields of Config that say where settings come from.
var noSettings = map[string]bool{"File": true, "Digest": true, "Warnings": true}

// differences lists what is set otherwise, in the order of the fields of Config. As long as no streams are kept, what is said
// of them means nothing.
func differences(old, now *config.Config) (list []change) {
	streams := old.JetStream.Enabled || now.JetStream.Enabled
	var walk func(path string, a, b reflect.Value)
	walk = func(path string, a, b reflect.Value) {
		switch {
		case noSettings[path] || path == "JetStream" && !streams:
		case path == "JetStream" && old.JetStream.Enabled != now.JetStream.Enabled: // all is said by that
			list = append(list, change{"JetStream.Enabled", old.JetStream.Enabled, now.JetStream.Enabled})
		case a.Kind() == reflect.Struct && !whole[path]:
			for i := range a.NumField() {
				name := a.Type().Field(i).Name
				if path != "" {
					name = path + "." + name
				}
				walk(name, a.Field(i), b.Field(i))
			}
		case !reflect.DeepEqual(a.Interface(), b.Interface()):
			list = append(list, change{path, a.Interface(), b.Interface()})
		}
	}
	walk("", reflect.ValueOf(*old), reflect.ValueOf(*now))
	return list
}

// refusal says in the words of stock why a change needs another start. Secrets hide themselves.
func (c change) refusal() error {
	const prefix = "config reload not supported for "
	switch c.path {
	case "Operators.Trusted":
		return fmt.Errorf(prefix + "TrustedOperators") // values would be long
	case "JetStream.StoreDir":
		return fmt.Errorf(prefix + "jetstream storage directory")
	case "JetStream.MaxMemory", "JetStream.MaxStorage":
		if c.old.(int64) < 0 || c.now.(int64) < 0 {
			return fmt.Errorf(prefix + "jetstream max memory and max store")
		}
		return fmt.Errorf(prefix + "decreasing jetstream max memory and store")
	case "JetStream.Strict":
		return fmt.Errorf(prefix+"NoJetStreamStrict: old=%t, new=%t", !c.old.(bool), !c.now.(bool))
	}
	return fmt.Errorf(prefix+"%s: old=%v, new=%v", stockName(c.path), c.old, c.now)
}

// stockName is what stock calls a field; mostly it has the same name.
func stockName(path string) string {
	if name, ok := stockNames[path]; ok {
		return name
	}
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '.' {
			return path[i+1:]
		}
	}
	return path
}

var stockNames = map[string]string{
	"JetStream.Domain":                "JetStreamDomain",
	"JetStream.UniqueTag":             "JetStreamUniqueTag",
	"JetStream.Key":                   "JetStreamKey",
	"JetStream.PrevKey":               "JetStreamOldKey",
	"JetStream.Cipher":                "JetStreamCipher",
	"JetStream.SyncEvery":             "SyncInterval",
	"JetStream.MaxBufferedBytes":      "StreamMaxBufferedSize",
	"JetStream.MaxBufferedMsgs":       "StreamMaxBufferedMsgs",
	"JetStream.RequestQueueLimit":     "JetStreamRequestQueueLimit",
	"JetStream.InfoQueueLimit":        "JetStreamInfoQueueLimit",
	"JetStream.Limits":                "JetStreamLimits",
	"JetStream.MaxOutstandingCatchup": "JetStreamMaxCatchup",
	"JetStream.ExtensionHint":         "JetStreamExtHint",
	"JetStream.MaxConcurrentIO":       "JetStreamConcurrentIOs",
}
