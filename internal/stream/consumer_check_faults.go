package stream

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"myelin/internal/apierr"
	"myelin/internal/subject"
)

// values looks at what is wrong by itself.
func (c *consumerCheck) values() *apierr.Error {
	switch {
	case c.Replicas < 0:
		return apierr.ReplicasCountCannotBeNegative.Err()
	case slices.ContainsFunc(c.Backoff, func(d time.Duration) bool { return d < 0 }):
		return apierr.ConsumerBackOffNegative.Err()
	case c.AckWait < 0:
		return apierr.ConsumerAckWaitNegative.Err()
	case len(c.Description) > maxDescriptionBytes:
		return apierr.ConsumerDescriptionTooLong.With(strconv.Itoa(maxDescriptionBytes))
	case len(c.Backoff) > 0 && c.MaxDeliver != -1 && c.MaxDeliver < len(c.Backoff):
		return apierr.ConsumerMaxDeliverBackoff.Err()
	}
	return c.metadataSize()
}

func (c *consumerCheck) metadataSize() *apierr.Error {
	total := 0
	for key, value := range c.Metadata {
		total += len(key) + len(value)
	}
	if total > maxMetadataBytes {
		return apierr.ConsumerMetadataLength.With("128KB")
	}
	return nil
}

// mode looks at what only pushing or only pulling consumers have.
func (c *consumerCheck) mode() *apierr.Error {
	if c.Push() {
		return c.push()
	}
	return c.pull()
}

func (c *consumerCheck) push() *apierr.Error {
	switch {
	case !subject.ValidPattern(c.DeliverSubject):
		return apierr.ConsumerInvalidDeliverSubject.Err()
	case subject.HasWildcard(c.DeliverSubject):
		return apierr.ConsumerDeliverToWildcards.Err()
	case c.cycles():
		return apierr.ConsumerDeliverCycle.Err()
	case c.MaxWaiting != 0 && (c.Ack != AckFlowControl || c.FlowControl):
		return apierr.ConsumerPushMaxWaiting.Err()
	case c.MaxAckPending > 0 && c.Ack == AckNone:
		return apierr.ConsumerMaxPendingAckPolicyRequired.Err()
	case c.Heartbeat > 0 && c.Heartbeat < minDuration:
		return apierr.ConsumerSmallHeartbeat.Err()
	}
	if c.Ack == AckFlowControl {
		return c.flowControl()
	}
	return nil
}

// flowControl looks at what goes with acks by flow control.
func (c *consumerCheck) flowControl() *apierr.Error {
	switch {
	case !c.FlowControl:
		return apierr.ConsumerAckFCRequiresFC.Err()
	case c.Heartbeat != flowControlHeartbeat:
		return invalid("flow control ack policy heartbeat needs to be 1s")
	case c.MaxAckPending <= 0:
		return apierr.ConsumerAckFCRequiresMaxAckPending.Err()
	case c.AckWait != 0 || len(c.Backoff) > 0:
		return apierr.ConsumerAckFCRequiresNoAckWait.Err()
	case c.MaxDeliver > 0:
		return apierr.ConsumerAckFCRequiresNoMaxDeliver.Err()
	}
	return nil
}

func (c *consumerCheck) pull() *apierr.Error {
	switch {
	case c.stream.Retention == WorkQueue && c.Ack == AckNone:
		return apierr.ConsumerPullRequiresAck.Err()
	case c.Ack == AckFlowControl:
		return apierr.ConsumerAckFCRequiresPush.Err()
	case c.RateLimit > 0:
		return apierr.ConsumerPullWithRateLimit.Err()
	case c.Heartbeat > 0:
		return apierr.ConsumerHBRequiresPush.Err()
	case c.FlowControl:
		return apierr.ConsumerFCRequiresPush.Err()
	case c.MaxExpires != 0 && c.MaxExpires < time.Millisecond:
		return apierr.ConsumerMaxRequestExpiresTooSmall.Err()
	case c.bounds.MaxRequestBatch > 0 && c.MaxBatch > c.bounds.MaxRequestBatch:
		return apierr.ConsumerMaxRequestBatchExceeded.With(strconv.Itoa(c.bounds.MaxRequestBatch))
	}
	return nil
}

// cycles: what is delivered must not come back into the stream.
func (c *consumerCheck) cycles() bool {
	return slices.ContainsFunc(c.stream.Subjects, func(s string) bool { return subject.Overlap(s, c.DeliverSubject) })
}

// excess looks at what the stream and the server bound.
func (c *consumerCheck) excess() *apierr.Error {
	limits := &c.stream.ConsumerLimits
	switch {
	case limits.InactiveThreshold > 0 && c.Inactive > limits.InactiveThreshold:
		return apierr.ConsumerInactiveThresholdExcess.With(limits.InactiveThreshold.String())
	case limits.MaxAckPending > 0 && c.MaxAckPending > limits.MaxAckPending:
		return apierr.ConsumerMaxPendingAckExcess.With(strconv.Itoa(limits.MaxAckPending))
	case c.bounds.MaxAckPending > 0 && c.MaxAckPending > c.bounds.MaxAckPending:
		return apierr.ConsumerMaxPendingAckExcess.With(strconv.Itoa(c.bounds.MaxAckPending))
	}
	return nil
}

func (c *consumerCheck) direct() *apierr.Error {
	switch {
	case !c.Direct:
		return nil
	case !c.Push():
		return apierr.ConsumerDirectRequiresPush.Err()
	case c.Durable != "":
		return apierr.ConsumerDirectRequiresEphemeral.Err()
	}
	return nil
}

func (c *consumerCheck) filters() *apierr.Error {
	if c.FilterSubject != "" && len(c.FilterSubjects) > 0 {
		return apierr.ConsumerDuplicateFilterSubjects.Err()
	}
	for i, f := range c.FilterSubjects {
		if f == "" {
			return apierr.ConsumerEmptyFilter.Err()
		}
		for _, other := range c.FilterSubjects[:i] {
			if subject.Within(f, other) || subject.Within(other, f) {
				return apierr.ConsumerOverlappingSubjectFilters.Err()
			}
		}
	}
	for _, f := range c.Filters() {
		if !subject.ValidPattern(f) {
			return invalid("invalid subject")
		}
	}
	return nil
}

// start compares the deliver policy with what else says where to start.
func (c *consumerCheck) start() *apierr.Error {
	policy := func(text string) *apierr.Error {
		return apierr.ConsumerInvalidPolicy.With("consumer delivery policy is deliver " + text)
	}
	by := strings.ReplaceAll(c.Deliver.String(), "_", " ")
	switch {
	case c.Deliver == DeliverByStartSequence && c.StartSeq == 0:
		return policy("by start sequence, but optional start sequence is not set")
	case c.Deliver == DeliverByStartTime && c.StartTime == nil:
		return policy("by start time, but optional start time is not set")
	case c.Deliver == DeliverByStartTime && c.StartSeq != 0:
		return policy("by start time, but optional start start sequence is also set")
	case c.Deliver != DeliverByStartSequence && c.StartSeq != 0:
		return policy(by + ", but optional start sequence is also set")
	case c.Deliver != DeliverByStartTime && c.StartTime != nil:
		return policy(by + ", but optional start time is also set")
	case c.Deliver == DeliverLastPerSubject && len(c.Filters()) == 0:
		return policy("last per subject, but optional filter subject is not set")
	}
	return nil
}

func (c *consumerCheck) sampling() *apierr.Error {
	if c.SampleFreq == "" {
		return nil
	}
	percent, err := strconv.Atoi(strings.TrimSuffix(c.SampleFreq, "%"))
	if err == nil && percent >= 0 {
		return nil
	}
	text := "<nil>"
	var number *strconv.NumError
	if errors.As(err, &number) {
		text = number.Error()
	}
	return apierr.ConsumerInvalidSampling.With(text)
}

func (c *consumerCheck) heartbeats() *apierr.Error {
	if c.FlowControl && c.Heartbeat == 0 {
		return apierr.ConsumerWithFlowControlNeedsHeartbeats.Err()
	}
	return nil
}

func (c *consumerCheck) groups() *apierr.Error {
	switch {
	case c.Priority != PriorityNone && c.Push():
		return apierr.ConsumerPushWithPriorityGroup.Err()
	case c.Priority != PriorityNone && len(c.PriorityGroups) == 0:
		return apierr.ConsumerPriorityPolicyWithoutGroup.Err()
	case c.Priority == PriorityNone && len(c.PriorityGroups) > 0:
		return apierr.ConsumerPriorityGroupWithPolicyNone.Err()
	case c.Priority == PriorityNone && c.PinnedTTL > 0:
		return apierr.ConsumerPinnedTTLWithoutPriorityPolicyNone.Err()
	}
	for _, group := range c.PriorityGroups {
		switch {
		case group == "":
			return apierr.ConsumerEmptyGroupName.Err()
		case len(group) > maxGroupBytes || strings.ContainsFunc(group, notInGroup):
			return apierr.ConsumerInvalidGroupName.Err()
		}
	}
	return nil
}

func notInGroup(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-_/=", r)
}

// workQueue looks at what a work queue asks of a consumer by itself.
func (c *consumerCheck) workQueue() *apierr.Error {
	switch {
	case c.stream.Retention != WorkQueue || c.Direct || c.Sourcing:
		return nil
	case c.Ack != AckExplicit && c.Ack != AckFlowControl:
		return apierr.ConsumerWQRequiresExplicitAck.Err()
	case c.Deliver != DeliverAll:
		return apierr.ConsumerWQConsumerNotDeliverAll.Err()
	}
	return nil
}
