package stream

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/subject"
)

// Bounds of a configuration.
const (
	maxNameBytes        = 255
	maxDescriptionBytes = 4096
	maxMetadataBytes    = 128 << 10
	maxReplicas         = 5
	minDuration         = 100 * time.Millisecond
	defaultWindow       = 2 * time.Minute
)

// Bounds are those of the server that a configuration is for.
type Bounds struct {
	DuplicateWindow time.Duration // the longest there may be; 0 for any
	Clustered       bool          // more than one replica is possible
}

// check is one look at a configuration, which it completes on the way.
type check struct {
	*Config
	bounds   Bounds
	pedantic bool // refuse instead of adjusting
}

// Check completes and validates the configuration of a stream that is to be created. In pedantic mode it
// refuses what it would otherwise adjust. What depends on other streams is not its business. Of several
// faults it names the one that a stock server names.
func Check(cfg Config, bounds Bounds, pedantic bool) (*Config, *apierr.Error) {
	if cfg.Sealed {
		return nil, invalid("stream configuration for create can not be sealed")
	}
	if cfg.MirrorDirect && cfg.Mirror == nil {
		return nil, invalid("stream has no mirror but does have mirror direct")
	}
	c := check{&cfg, bounds, pedantic}
	if err := c.run(); err != nil {
		return nil, err
	}
	return c.Config, nil
}

// run takes the steps in the order in which a stock server reports faults.
func (c *check) run() *apierr.Error {
	for _, step := range []func() *apierr.Error{
		c.names, c.replicas, c.limits, c.durations, c.rollup, c.counter, c.discardNew, c.markers, c.schedules,
		c.persistence, c.mirror, c.sources, c.subjects, c.transform, c.republish, c.placement, c.filters,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func invalid(format string, args ...any) *apierr.Error {
	return apierr.StreamInvalidConfig.With(fmt.Sprintf(format, args...))
}

func (c *check) names() *apierr.Error {
	switch {
	case strings.ContainsAny(c.Name, `/\`):
		return apierr.StreamNameContainsPathSeparators.Err()
	case !validName(c.Name):
		return invalid(`stream name is required and can not contain '.', '*', '>', '\', '/'`)
	case len(c.Name) > maxNameBytes:
		return invalid("stream name is too long, maximum allowed is %d", maxNameBytes)
	case len(c.Description) > maxDescriptionBytes:
		return invalid("stream description is too long, maximum allowed is %d", maxDescriptionBytes)
	}
	return c.metadata()
}

// validName reports whether s may name a stream or a consumer.
func validName(s string) bool { return s != "" && !strings.ContainsAny(s, " \t\r\n\f.*>\\/") }

// metadata states the API level in a copy of the metadata; what servers add to answers is dropped.
func (c *check) metadata() *apierr.Error {
	metadata := make(map[string]string, len(c.Metadata)+1)
	for key, value := range c.Metadata {
		if !slices.Contains(metaDynamic, key) {
			metadata[key] = value
		}
	}
	metadata[metaRequired] = strconv.Itoa(c.RequiredLevel())
	total := 0
	for key, value := range metadata {
		total += len(key) + len(value)
	}
	if total > maxMetadataBytes {
		return invalid("stream metadata exceeds maximum size of %d bytes", maxMetadataBytes)
	}
	c.Metadata = metadata
	if len(metadata) == 1 {
		c.Metadata = single(metaRequired, metadata[metaRequired])
	}
	return nil
}

func (c *check) replicas() *apierr.Error {
	switch {
	case c.Replicas > maxReplicas:
		return invalid("maximum replicas is %d", maxReplicas)
	case c.Replicas < 0:
		return apierr.ReplicasCountCannotBeNegative.Err()
	case c.Replicas == 0:
		c.Replicas = 1
	}
	return nil
}

func (c *check) limits() *apierr.Error {
	consumers, size := int64(c.MaxConsumers), int64(c.MaxMsgSize)
	for _, limit := range []struct {
		name  string
		value *int64
	}{
		{"max_msgs", &c.MaxMsgs}, {"max_msgs_per_subject", &c.MaxMsgsPer}, {"max_bytes", &c.MaxBytes},
		{"max_msg_size", &size}, {"max_consumers", &consumers},
	} {
		if *limit.value < -1 && c.pedantic {
			return apierr.Pedantic.With(limit.name + " must be set to -1")
		}
		if *limit.value <= 0 {
			*limit.value = -1
		}
	}
	c.MaxConsumers, c.MaxMsgSize = int(consumers), int32(size)
	return nil
}

func (c *check) durations() *apierr.Error {
	switch {
	case c.MaxAge < 0:
		return invalid("max age can not be negative")
	case c.MaxAge != 0 && c.MaxAge < minDuration:
		return invalid("max age needs to be >= %v", minDuration)
	}
	if c.DuplicateWindow == 0 && c.Mirror == nil && len(c.Sources) == 0 {
		if err := c.defaultDuplicateWindow(); err != nil {
			return err
		}
	}
	switch {
	case c.DuplicateWindow < 0:
		return invalid("duplicates window can not be negative")
	case c.DuplicateWindow != 0 && c.DuplicateWindow < minDuration:
		return invalid("duplicates window needs to be >= %v", minDuration)
	case c.MaxAge != 0 && c.DuplicateWindow > c.MaxAge:
		return invalid("duplicates window can not be larger then max age")
	case c.bounds.DuplicateWindow > 0 && c.DuplicateWindow > c.bounds.DuplicateWindow:
		return invalid("duplicates window can not be larger then server limit of %v", c.bounds.DuplicateWindow)
	}
	return nil
}

func (c *check) defaultDuplicateWindow() *apierr.Error {
	window := defaultWindow
	if limit := c.bounds.DuplicateWindow; limit > 0 && limit < window {
		if c.pedantic {
			return apierr.Pedantic.With("duplicate window limits are higher than current limits")
		}
		window = limit
	}
	if c.MaxAge > 0 && c.MaxAge < window {
		if c.pedantic {
			return apierr.Pedantic.With("duplicate window cannot be bigger than max age")
		}
		window = c.MaxAge
	}
	c.DuplicateWindow = window
	return nil
}

func (c *check) rollup() *apierr.Error {
	if c.DenyPurge && c.AllowRollup {
		return invalid("roll-ups require the purge permission")
	}
	return nil
}

func (c *check) counter() *apierr.Error {
	switch {
	case !c.AllowCounter:
		return nil
	case c.Discard == DiscardNew:
		return invalid("counter stream cannot use discard new")
	case c.AllowTTL:
		return invalid("counter stream cannot use message TTLs")
	case c.AllowSchedules:
		return invalid("counter stream cannot use message schedules")
	case c.Retention != Limits:
		return invalid("counter stream can only use limits retention")
	}
	return nil
}

func (c *check) discardNew() *apierr.Error {
	switch {
	case c.DiscardNewPer && c.Discard != DiscardNew:
		return invalid("discard new per subject requires discard new policy to be set")
	case c.DiscardNewPer && c.MaxMsgsPer <= 0:
		return invalid("discard new per subject requires max msgs per subject > 0")
	}
	return nil
}

// markers: delete markers are messages with a TTL that roll up their subject.
func (c *check) markers() *apierr.Error {
	switch {
	case c.MarkerTTL == 0:
		return nil
	case c.MarkerTTL < 0:
		return invalid("subject delete marker TTL must not be negative")
	case c.MarkerTTL < time.Second:
		return invalid("subject delete marker TTL must be at least 1 second")
	case c.pedantic && !c.AllowTTL:
		return invalid("subject delete marker cannot be set if message TTLs are disabled")
	case c.pedantic && !c.AllowRollup:
		return invalid("subject delete marker cannot be set if roll-ups are disabled")
	}
	c.AllowTTL, c.AllowRollup, c.DenyPurge = true, true, false
	return nil
}

func (c *check) schedules() *apierr.Error {
	switch {
	case !c.AllowSchedules:
		return nil
	case c.Discard == DiscardNew:
		return invalid("message scheduling cannot use discard new")
	case c.pedantic && !c.AllowRollup:
		return invalid("message scheduling cannot be set if roll-ups are disabled")
	}
	c.AllowRollup, c.DenyPurge = true, false
	return nil
}

func (c *check) persistence() *apierr.Error {
	switch {
	case c.PersistMode != PersistAsync:
		return nil
	case c.Storage != File:
		return invalid("async persist mode is only supported on file storage")
	case c.Replicas > 1:
		return invalid("async persist mode is not supported on replicated streams")
	case c.AllowAtomic:
		return invalid("async persist mode is not supported with atomic batch publish")
	}
	return nil
}

// subjects are by default the stream's name, unless it copies from other streams only.
func (c *check) subjects() *apierr.Error {
	if len(c.Subjects) == 0 {
		c.Subjects = nil
		if c.Mirror == nil && len(c.Sources) == 0 {
			c.Subjects = []string{c.Name}
		}
		return nil
	}
	for i, s := range c.Subjects {
		if !subject.ValidPattern(s) {
			return invalid("invalid subject")
		}
		for _, earlier := range c.Subjects[:i] {
			if subject.Overlap(earlier, s) {
				return invalid("subject %q overlaps with %q", earlier, s)
			}
		}
	}
	if c.NoAck {
		return nil
	}
	return c.reservedSubjects()
}

// reservedSubjects: who captures requests to the server would acknowledge them.
func (c *check) reservedSubjects() *apierr.Error {
	for _, s := range c.Subjects {
		overlaps := func(api string) bool { return subject.Overlap(s, api) }
		switch {
		case s == ">":
			return invalid("capturing all subjects requires no-ack to be true")
		case slices.ContainsFunc([]string{"$JS.>", "$JSC.>", "$NRG.>"}, overlaps) && !subject.Within(s, "$JS.EVENT.>"):
			return invalid("subjects that overlap with jetstream api require no-ack to be true")
		case overlaps("$SYS.>") && !subject.Within(s, "$SYS.ACCOUNT.>"):
			return invalid("subjects that overlap with system api require no-ack to be true")
		}
	}
	return nil
}

func (c *check) transform() *apierr.Error {
	if c.Transform == nil {
		return nil
	}
	return checkTransform(*c.Transform, apierr.StreamTransformInvalidSource, apierr.StreamTransformInvalidDestination)
}

// republish must not come back into the stream.
func (c *check) republish() *apierr.Error {
	if c.Republish == nil {
		return nil
	}
	r := *c.Republish
	if r.Src == "" {
		if c.pedantic {
			return apierr.Pedantic.With("republish source can not be empty")
		}
		r.Src = ">"
	}
	for _, s := range c.Subjects {
		if subject.Overlap(r.Dest, s) {
			return invalid("stream configuration for republish destination forms a cycle")
		}
	}
	if r.Dest != "" {
		if _, err := subject.NewTransform(r.Src, r.Dest); err != nil {
			return invalid("stream configuration for republish with transform from '%s' to '%s' not valid", r.Src, r.Dest)
		}
	}
	c.Republish = &r
	return nil
}

func (c *check) placement() *apierr.Error {
	if p := c.Placement; p != nil {
		if p.Preferred != "" {
			return invalid("preferred server not permitted in placement")
		}
		if p.Cluster == "" && len(p.Tags) == 0 {
			c.Placement = nil
		}
	}
	if c.Replicas > 1 && !c.bounds.Clustered {
		return apierr.StreamReplicasNotSupported.Err()
	}
	return nil
}
