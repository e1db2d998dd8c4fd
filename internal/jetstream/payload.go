package jetstream

import (
	"slices"
	"strings"

	"myelin/internal/apierr"
	"myelin/internal/jetstream/wire"
)

// decode reads the payload of JSON into v, see wire.Loose.
func (c *call) decode(v any) *apierr.Error { return c.loose().Decode(c.payload, v, stockTypes) }

// loose is nil unless unknown members are passed over.
func (c *call) loose() wire.Loose {
	if c.door.api.opt.Loose == nil {
		return nil
	}
	return func(problem string) {
		c.door.api.opt.Loose("Invalid JetStream request '%s > %s%s': %s", c.door.account, apiPrefix, c.request.verb, problem)
	}
}

// typeNames are the names of our types, and those of a stock server's.
var typeNames = [][2]string{
	{"Config", "StreamConfig"}, {"Source", "StreamSource"}, {"External", "ExternalStream"}, {"SourceConsumer", "StreamConsumerSource"},
	{"SubjectTransform", "SubjectTransformConfig"}, {"Republish", "RePublish"}, {"ConsumerLimits", "StreamConsumerLimits"},
	{"Placement", "Placement"},
}

// stockTypes turns what our types are called in errors into what a stock server's are.
var stockTypes = func() *strings.Replacer {
	pairs := []string{" jetstream.", " server.", "[]stream.Source", "[]*server.StreamSource"}
	for _, n := range typeNames {
		pairs = append(pairs, "struct field "+n[0]+".", "struct field "+n[1]+".")
	}
	for _, n := range slices.Backward(typeNames) { // of names that begin alike the longer one comes first
		pairs = append(pairs, "stream."+n[0], "server."+n[1])
	}
	return strings.NewReplacer(pairs...)
}()

// decodeOptions is decode for requests that may come without options.
func (c *call) decodeOptions(v any) *apierr.Error {
	return c.loose().DecodeOptions(c.payload, v, stockTypes)
}
