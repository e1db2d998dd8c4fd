package report

import "strings"

// QueueSource is a Source whose server has queues within.
type QueueSource interface {
	Source
	// Queues are those that work waits in, by name.
	Queues() map[string]Queue
}

// Queue is a queue within the server.
type Queue struct {
	Pending    int `json:"pending"`
	InProgress int `json:"in_progress,omitempty"`
}

// IPQueueszOptions select queues.
type IPQueueszOptions struct {
	All    bool   `json:"all"`    // also those in which nothing waits
	Filter string `json:"filter"` // only those whose name contains it
}

// IPQueuesz shows the queues within the server.
func (v *Views) IPQueuesz(o IPQueueszOptions) map[string]Queue {
	shown := make(map[string]Queue)
	source, ok := v.source.(QueueSource)
	if !ok {
		return shown
	}
	for name, q := range source.Queues() {
		if (o.All || q != Queue{}) && strings.Contains(name, o.Filter) {
			shown[name] = q
		}
	}
	return shown
}

// RaftzOptions select groups of servers.
type RaftzOptions struct {
	Account string `json:"account"`
	Group   string `json:"group"`
}

// Raftz shows the groups that servers keep something in: none, since a server stands alone.
func (v *Views) Raftz(RaftzOptions) map[string]struct{} { return map[string]struct{}{} }
