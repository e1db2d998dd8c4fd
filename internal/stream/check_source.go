package stream

import (
	"strings"

	"myelin/internal/apierr"
	"myelin/internal/subject"
)

// apiPrefix is where the server's own API lives; an external one has another.
const apiPrefix = "$JS.API"

// mirror: a mirror is its origin's likeness and takes nothing from elsewhere.
func (c *check) mirror() *apierr.Error {
	m := c.Mirror
	switch {
	case m == nil:
		return nil
	case c.FirstSeq > 0:
		return apierr.MirrorWithFirstSeq.Err()
	case len(c.Subjects) > 0:
		return apierr.MirrorWithSubjects.Err()
	case len(c.Sources) > 0:
		return apierr.MirrorWithSources.Err()
	case c.AllowCounter:
		return apierr.MirrorWithCounters.Err()
	case c.AllowAtomic:
		return apierr.MirrorWithAtomicPublish.Err()
	case c.AllowBatched:
		return apierr.MirrorWithBatchPublish.Err()
	case c.AllowSchedules:
		return apierr.MirrorWithMsgSchedules.Err()
	case c.MarkerTTL > 0:
		return invalid("subject delete markers forbidden on mirrors")
	case !m.validConsumer():
		return apierr.MirrorDurableConsumerCfgInvalid.Err()
	case m.FilterSubject != "" && len(m.Transforms) > 0:
		return apierr.MirrorMultipleFiltersNotAllowed.Err()
	}
	for i, t := range m.Transforms {
		if overlapsEarlier(m.Transforms, i) && validSource(t) {
			return apierr.MirrorOverlappingSubjectFilters.Err()
		}
		if err := checkTransform(t, apierr.MirrorInvalidSubjectFilter, apierr.MirrorInvalidTransformDestination); err != nil {
			return err
		}
	}
	if err := m.External.check(); err != nil {
		return err
	}
	if !validName(m.Name) {
		return apierr.MirrorInvalidStreamName.Err()
	}
	return c.self(m)
}

// sources are each valid and together without doubles.
func (c *check) sources() *apierr.Error {
	if len(c.Sources) > 0 && c.AllowSchedules {
		return apierr.SourceWithMsgSchedules.Err()
	}
	if len(c.Sources) == 0 {
		c.Sources = nil
	}
	seen, consumers := map[string]bool{}, map[string]bool{}
	for i := range c.Sources {
		s := &c.Sources[i]
		if err := s.check(); err != nil {
			return err
		}
		if id := s.identity(); seen[id] {
			return apierr.SourceDuplicateDetected.Err()
		} else {
			seen[id] = true
		}
		if s.Consumer != nil {
			id := s.Name + " " + s.Consumer.Name
			if consumers[id] {
				return apierr.SourceDurableConsumerDuplicateDetected.Err()
			}
			consumers[id] = true
		}
	}
	for i := range c.Sources {
		if err := c.Sources[i].External.check(); err != nil {
			return err
		}
	}
	for i := range c.Sources {
		if err := c.self(&c.Sources[i]); err != nil {
			return err
		}
	}
	return nil
}

// self: a stream does not copy itself, unless one of that name lives elsewhere.
func (c *check) self(s *Source) *apierr.Error {
	if s.Name == c.Name && s.External == nil {
		return invalid("detected cycle")
	}
	return nil
}

func (s *Source) check() *apierr.Error {
	switch {
	case !validName(s.Name):
		return apierr.SourceInvalidStreamName.Err()
	case s.FilterSubject != "" && len(s.Transforms) > 0:
		return apierr.SourceMultipleFiltersNotAllowed.Err()
	}
	for _, t := range s.Transforms {
		if err := checkTransform(t, apierr.SourceInvalidSubjectFilter, apierr.SourceInvalidTransformDestination); err != nil {
			return err
		}
	}
	for i := range s.Transforms {
		if overlapsEarlier(s.Transforms, i) {
			return apierr.SourceOverlappingSubjectFilters.Err()
		}
	}
	if !s.validConsumer() {
		return apierr.SourceDurableConsumerCfgInvalid.Err()
	}
	return nil
}

// validConsumer: a consumer that was made beforehand has its own start and filter.
func (s *Source) validConsumer() bool {
	c := s.Consumer
	return c == nil || validName(c.Name) && subject.ValidLiteral(c.DeliverSubject) &&
		s.StartSeq == 0 && s.StartTime == nil && s.FilterSubject == ""
}

// identity tells sources apart: the same stream may be a source twice with other filters or transforms.
func (s *Source) identity() string {
	id := []string{s.Name}
	if s.External != nil {
		id[0] += ":" + s.External.API
	}
	if len(s.Transforms) == 0 {
		filter := s.FilterSubject
		if filter == "" {
			filter = ">"
		}
		id = append(id, filter)
	}
	for _, t := range s.Transforms {
		id = append(id, t.Src, t.Dest)
	}
	return strings.Join(id, " ")
}

func (x *External) check() *apierr.Error {
	switch {
	case x == nil:
		return nil
	case subject.HasWildcard(x.Deliver):
		return apierr.StreamInvalidExternalDeliverySubj.With(x.Deliver)
	case x.API == apiPrefix:
		return apierr.StreamExternalApiOverlap.With(x.API, apiPrefix)
	case x.API != "" && !subject.ValidLiteral(x.API):
		return invalid("stream external api prefix %q must be a valid subject without wildcards", x.API)
	}
	return nil
}

func validSource(t SubjectTransform) bool { return t.Src == "" || subject.ValidPattern(t.Src) }

func overlapsEarlier(list []SubjectTransform, i int) bool {
	for _, earlier := range list[:i] {
		if subject.Overlap(earlier.Src, list[i].Src) {
			return true
		}
	}
	return false
}

// checkTransform: a transform without destination is a filter, and one without anything is none.
func checkTransform(t SubjectTransform, source, dest apierr.ID) *apierr.Error {
	if !validSource(t) {
		return source.With("invalid subject " + t.Src)
	}
	if t.Dest == "" {
		return nil
	}
	if _, err := subject.NewTransform(t.Src, t.Dest); err != nil {
		return dest.With(err.Error())
	}
	return nil
}

// filters are looked at last: stock servers meet them when they set the stream up.
func (c *check) filters() *apierr.Error {
	if m := c.Mirror; m != nil && m.FilterSubject != "" && !subject.ValidPattern(m.FilterSubject) {
		return apierr.StreamCreate.With("subject filter '" + m.FilterSubject + "' for the mirror invalid subject")
	}
	for i := range c.Sources {
		if f := c.Sources[i].FilterSubject; f != "" && !subject.ValidPattern(f) {
			return apierr.StreamCreate.With("subject filter '" + f + "' for the source: invalid subject")
		}
	}
	return nil
}
