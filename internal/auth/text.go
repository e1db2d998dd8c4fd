package auth

import "fmt"

// The texts below are for clients, which read them: they are those of a stock server.

// PublishViolation refuses a publication.
func PublishViolation(subject []byte) string {
	return fmt.Sprintf("Permissions Violation for Publish to %q", subject)
}

// ReplyViolation refuses a publication because of the subject that it wants answers on.
func ReplyViolation(reply []byte) string {
	return fmt.Sprintf("Permissions Violation for Publish with Reply of %q", reply)
}

// SubscribeViolation refuses a subscription, with a queue or "".
func SubscribeViolation(pattern, queue string) string {
	if queue == "" {
		return fmt.Sprintf("Permissions Violation for Subscription to %q", pattern)
	}
	return fmt.Sprintf("Permissions Violation for Subscription to %q using queue %q", pattern, queue)
}

// SubscriptionRevoked ends a subscription that changed permissions do not allow any more.
func SubscriptionRevoked(pattern, queue, sid string) string {
	return fmt.Sprintf("%s (sid %q)", SubscribeViolation(pattern, queue), sid)
}
