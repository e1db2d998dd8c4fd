package loadgen

import (
	"context"
	"fmt"
	"strings"
)

func accountCases() []Case {
	mapped := []Goal{atLeast(Kept, 0.85)}
	imported := []Goal{atLeast(Kept, 0.7)}
	return []Case{
		{Name: "acc-mapping-16B", Title: "1:1, 16 B, in an account that maps the subject, beside one that does not",
			Goals: mapped, Config: sharingConfig, Run: mapping(fanout(1, 1, 16))},
		{Name: "acc-mapping-subjects", Title: "the same, 1,000 subjects and one wildcard subscriber",
			Goals: mapped, Config: sharingConfig, Run: mapping(manySubjects(1000))},
		{Name: "acc-import-1to1", Title: "1:1, 16 B, subscriber in an account that imports the stream, beside the publisher's account",
			Goals: imported, Config: sharingConfig, Run: importing(1, 1)},
		{Name: "acc-import-1to4", Title: "the same, 4 subscribers in one account that imports",
			Goals: imported, Config: sharingConfig, Run: importing(4, 1)},
		{Name: "acc-import-4to16", Title: "the same, 4 subscribers in each of 4 accounts that import",
			Goals: imported, Config: sharingConfig, Run: importing(16, 4)},
		{Name: "acc-10000", Title: "account with a user and an import, each of 10,000",
			Goals:  []Goal{ratioAtMost(Startup, 0.5), atMost(Memory, 8<<10)},
			Config: manyAccountsConfig, Run: runManyAccounts},
	}
}

const importers = 4 // accounts that import the stream

// sharingConfig has an account that maps nothing, one that maps, and one that
// exports to others.
func sharingConfig(*Env) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, `accounts {
  PLAIN { users: [{user: plain, password: %[1]q}] }
  MAPPED { users: [{user: mapped, password: %[1]q}], mappings { "bench.*": "known.$1", "orders.*.*": "orders.$2.$1" } }
  EXPORTER { users: [{user: exporter, password: %[1]q}], exports: [{stream: "bench.>"}, {service: "ask.>"}] }
`, benchPassword)
	for i := range importers {
		fmt.Fprintf(&b, "  IMPORTER%d { users: [{user: %q, password: %q}], imports: [{stream: {account: EXPORTER, subject: \"bench.>\"}}] }\n",
			i, importer(i), benchPassword)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func importer(i int) string { return fmt.Sprintf("importer%d", i) }

// mapping compares a load whose subjects are mapped with one whose are not.
// The subscriber takes what the subjects were mapped to, of the same length.
func mapping(sh shape) func(context.Context, *Env) (Sample, error) {
	plain, mapped := sh, sh
	plain.publishAs, plain.subscribeAs = "plain", []string{"plain"}
	mapped.publishAs, mapped.subscribeAs = "mapped", []string{"mapped"}
	mapped.interest = strings.Replace(sh.interest, "bench.", "known.", 1)
	return func(ctx context.Context, env *Env) (Sample, error) { return compare(ctx, env, plain, mapped) }
}

// importing compares subscribers, spread over as many accounts that import
// what is published, with as many in the account of the publisher.
func importing(subscribers, accounts int) func(context.Context, *Env) (Sample, error) {
	plain := fanout(1, subscribers, 16)
	plain.publishAs = "exporter"
	imported := plain
	plain.subscribeAs = []string{"exporter"}
	for i := range accounts {
		imported.subscribeAs = append(imported.subscribeAs, importer(i))
	}
	return func(ctx context.Context, env *Env) (Sample, error) { return compare(ctx, env, plain, imported) }
}

const (
	manyAccounts = 10_000
	askedAccount = 100 // each so-manieth account is tried
)

// manyAccountsConfig has the accounts with a user and an import each, and the
// one that they import from.
func manyAccountsConfig(env *Env) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "accounts {\n  EXPORTER { users: [{user: exporter, password: %q}], exports: [{stream: \"bench.>\"}] }\n", benchPassword)
	for i := range env.scaled(manyAccounts) {
		fmt.Fprintf(&b, "  TENANT%05d { users: [{user: %q, password: %q}], imports: [{stream: {account: EXPORTER, subject: \"bench.>\"}}] }\n",
			i, tenant(i), benchPassword)
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func tenant(i int) string { return fmt.Sprintf("tenant%05d", i) }

// runManyAccounts measures how soon a server with many accounts answers, and
// what each of them takes while nobody is connected.
func runManyAccounts(ctx context.Context, env *Env) (Sample, error) {
	empty, err := env.restingRSS(ctx)
	if err != nil {
		return nil, err
	}
	full, err := env.Server.Usage()
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, env.Settle); err != nil {
		return nil, err
	}
	rested, err := env.Server.Usage()
	if err != nil {
		return nil, err
	}
	n := env.scaled(manyAccounts)
	sample := Sample{
		Startup:    float64(env.Server.Startup),
		MemoryPeak: (float64(full.RSS) - empty) / float64(n),
		Memory:     (float64(rested.RSS) - empty) / float64(n),
	}
	return sample, env.probeAccounts(ctx, n)
}

// restingRSS returns what a server without anything takes after a rest.
func (e *Env) restingRSS(ctx context.Context) (float64, error) {
	server, err := e.Plain(ctx)
	if err != nil {
		return 0, err
	}
	defer server.Stop()
	if err := sleep(ctx, min(e.Settle, idleRest)); err != nil {
		return 0, err
	}
	usage, err := server.Usage()
	return float64(usage.RSS), err
}

// probeAccounts checks that accounts get what they import: some of them have a
// subscriber, and each takes all that is published.
func (e *Env) probeAccounts(ctx context.Context, n int) error {
	st := newStage(ctx, e.dialer())
	defer st.close()
	w := NewWindow(1)
	for i := 0; i < n; i += askedAccount {
		st.login(tenant(i))
		sub, err := st.idle("bench.load")
		if err != nil {
			return fmt.Errorf("account %d: %w", i, err)
		}
		w.Add(1, sub)
	}
	st.login("exporter")
	p, err := st.publisher([]string{"bench.load"}, 16, w)
	if err != nil {
		return err
	}
	const messages = 10
	if err := p.Run(st.ctx, messages); err != nil {
		return err
	}
	return st.finish(w)
}
