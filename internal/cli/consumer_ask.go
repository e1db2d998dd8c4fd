package cli

import (
	"fmt"
	"time"
)

// consumerQuestion is what a person is asked when a consumer is made, unless a flag says it.
type consumerQuestion struct {
	flag     string
	question string
	preset   string
	options  []string // or nil for free text
	set      func(cfg *document, answer string) error
	when     func(cfg *document) bool // nil for always
}

// consumerQuestions are asked in this order, with answers as the flags take them.
var consumerQuestions = []consumerQuestion{
	{"target", "Delivery target (empty for Pull Consumers)", "", nil, setMember("deliver_subject", asText), nil},
	{"deliver-group", "Delivery Queue Group (empty for none)", "", nil, setMember("deliver_group", asText), isPush},
	{"deliver", "Start policy (all, new, last, subject, 1h, msg sequence)", "all", nil,
		func(cfg *document, answer string) error { return setStart(cfg, answer, time.Now()) }, nil},
	{"ack", "Acknowledgment policy", "explicit", []string{"explicit", "all", "none"}, setMember("ack_policy", asText), nil},
	{"replay", "Replay policy", "instant", []string{"instant", "original"}, setMember("replay_policy", asText), nil},
	{"filter", "Filter Stream by subjects (blank for all)", "", nil, func(cfg *document, answer string) error {
		setFilters(cfg, splitCommas([]string{answer}))
		return nil
	}, nil},
	{"max-deliver", "Maximum Allowed Deliveries", "-1", nil, setMember("max_deliver", asLimit), isAcknowledged},
	{"max-pending", "Maximum Acknowledgments Pending (empty for the server's choice)", "", nil, setMember("max_ack_pending", asLimit), isAcknowledged},
	{"heartbeat", "Idle Heartbeat (-1 for none)", "-1", nil, setMember("idle_heartbeat", asHeartbeat), isPush},
}

func setMember(member string, parse func(string) (any, error)) func(*document, string) error {
	return func(cfg *document, answer string) error {
		value, err := parse(answer)
		if err == nil {
			cfg.set(member, value)
		}
		return err
	}
}

func isPush(cfg *document) bool { return cfg.text("deliver_subject") != "" }

func isAcknowledged(cfg *document) bool { return cfg.text("ack_policy") != "none" }

// askRest asks what no flag says and most consumers are told.
func (a *consumerAdd) askRest(cfg *document) error {
	for _, q := range consumerQuestions {
		pulling := q.flag == "target" && a.pull
		if pulling || a.flags.Changed(q.flag) || q.when != nil && !q.when(cfg) {
			continue
		}
		if err := a.askOne(cfg, q); err != nil {
			return err
		}
	}
	if !a.flags.Changed("headers-only") {
		yes, err := a.con.askYes("Deliver headers only without bodies", false)
		if err != nil {
			return err
		}
		if yes {
			cfg.set("headers_only", true)
		}
	}
	if !isAcknowledged(cfg) || a.flags.Changed("backoff") {
		return nil
	}
	return a.askBackoff(cfg)
}

// askOne asks until the answer can be taken.
func (a *consumerAdd) askOne(cfg *document, q consumerQuestion) error {
	for {
		var answer string
		var err error
		if q.options != nil {
			answer, err = a.con.choose(q.question, q.options, q.preset, "--"+q.flag)
		} else {
			answer, err = a.con.ask(q.question, q.preset, "--"+q.flag)
		}
		if err != nil || answer == "" {
			return err
		}
		if err = q.set(cfg, answer); err == nil {
			return nil
		}
		fmt.Fprintf(a.con.err, "  %v\n", err)
	}
}

func (a *consumerAdd) askBackoff(cfg *document) error {
	yes, err := a.con.askYes("Add a Retry Backoff Policy", false)
	if err != nil || !yes {
		return err
	}
	a.backoff = "linear"
	for _, q := range []consumerQuestion{
		{flag: "backoff-steps", question: "Number of steps", preset: "10", set: func(_ *document, answer string) error {
			return a.flags.Set("backoff-steps", answer)
		}},
		{flag: "backoff-min", question: "Shortest wait", preset: "1m", set: func(_ *document, answer string) error {
			return a.flags.Set("backoff-min", answer)
		}},
		{flag: "backoff-max", question: "Longest wait", preset: "20m", set: func(_ *document, answer string) error {
			return a.flags.Set("backoff-max", answer)
		}},
	} {
		if err := a.askOne(cfg, q); err != nil {
			return err
		}
	}
	return a.applyBackoff(cfg)
}
