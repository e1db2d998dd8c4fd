package cli

import "time"

// consumerQuestion is what a person is asked when a consumer is made.
type consumerQuestion struct {
	question
	set  func(cfg *document, answer string) error
	when func(cfg *document) bool // nil for always
}

// consumerQuestions are asked in this order, with answers as the flags take them.
var consumerQuestions = []consumerQuestion{
	{question{"target", "Delivery target (empty for Pull Consumers)", "", nil}, setMember("deliver_subject", asText), nil},
	{question{"deliver-group", "Delivery Queue Group (empty for none)", "", nil}, setMember("deliver_group", asText), isPush},
	{question{"deliver", "Start policy (all, new, last, subject, 1h, msg sequence)", "all", nil},
		func(cfg *document, answer string) error { return setStart(cfg, answer, time.Now()) }, nil},
	{question{"ack", "Acknowledgment policy", "explicit", []string{"explicit", "all", "none"}}, setMember("ack_policy", asText), nil},
	{question{"replay", "Replay policy", "instant", []string{"instant", "original"}}, setMember("replay_policy", asText), nil},
	{question{"filter", "Filter Stream by subjects (blank for all)", "", nil}, func(cfg *document, answer string) error {
		setFilters(cfg, splitCommas([]string{answer}))
		return nil
	}, nil},
	{question{"max-deliver", "Maximum Allowed Deliveries", "-1", nil}, setMember("max_deliver", asLimit), isAcknowledged},
	{question{"max-pending", "Maximum Acknowledgments Pending (empty for the server's choice)", "", nil}, setMember("max_ack_pending", asLimit), isAcknowledged},
	{question{"heartbeat", "Idle Heartbeat (-1 for none)", "-1", nil}, setMember("idle_heartbeat", asHeartbeat), isPush},
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
		if err := a.con.answer(q.question, func(answer string) error { return q.set(cfg, answer) }); err != nil {
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

func (a *consumerAdd) askBackoff(cfg *document) error {
	yes, err := a.con.askYes("Add a Retry Backoff Policy", false)
	if err != nil || !yes {
		return err
	}
	a.backoff = "linear"
	for _, q := range []question{
		{flag: "backoff-steps", text: "Number of steps", preset: "10"},
		{flag: "backoff-min", text: "Shortest wait", preset: "1m"},
		{flag: "backoff-max", text: "Longest wait", preset: "20m"},
	} {
		if err := a.con.answer(q, func(answer string) error { return a.flags.Set(q.flag, answer) }); err != nil {
			return err
		}
	}
	return a.applyBackoff(cfg)
}
