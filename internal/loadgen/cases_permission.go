package loadgen

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

const comparedRounds = 3 // of plain and burdened in turn

func permissionCases() []Case {
	goals := []Goal{atLeast(Kept, 0.85)}
	return []Case{
		{Name: "auth-permissions-16B", Title: "1:1, 16 B, publisher and subscriber with permissions, beside the same without",
			Goals: goals, Config: permissionConfig, Run: limited(fanout(1, 1, 16))},
		{Name: "auth-permissions-subjects", Title: "the same, 1,000 subjects and one wildcard subscriber",
			Goals: goals, Config: permissionConfig, Run: limited(manySubjects(1000))},
	}
}

// manySubjects is a load on n subjects that one subscriber takes with a wildcard.
func manySubjects(n int) shape {
	sh := fanout(1, 1, 16)
	sh.subjects, sh.interest = numbered("bench.%04d", n), "bench.*"
	return sh
}

// permissionConfig has users with permissions, and one without. What the
// reader may not see is a part of what it may subscribe to.
func permissionConfig(*Env) (string, error) {
	const format = `authorization { users: [
  {user: free, password: %[1]q}
  {user: writer, password: %[1]q, permissions {
    publish { allow: ["bench.*", "orders.>", "stock.*.level", "_INBOX.>", "metrics.cpu"], deny: ["bench.secret", "orders.*.private", "stock.gold.>"] }
    subscribe { allow: ["_INBOX.>"] } } }
  {user: reader, password: %[1]q, permissions {
    publish { deny: [">"] }
    subscribe { allow: ["bench.>", "orders.>", "stock.*.level", "_INBOX.>", "metrics.*"], deny: ["bench.secret", "orders.*.private", "metrics.disk"] } } }
] }
`
	return fmt.Sprintf(format, benchPassword), nil
}

// limited compares a load of users with permissions with that of one without.
func limited(sh shape) func(context.Context, *Env) (Sample, error) {
	free, burdened := sh, sh
	free.publishAs, free.subscribeAs = "free", []string{"free"}
	burdened.publishAs, burdened.subscribeAs = "writer", []string{"reader"}
	return func(ctx context.Context, env *Env) (Sample, error) {
		if err := env.keepsLimits(ctx); err != nil {
			return nil, err
		}
		return compare(ctx, env, free, burdened)
	}
}

// keepsLimits checks that permissions are looked at.
func (e *Env) keepsLimits(ctx context.Context) error {
	if err := e.letsNobodyIn(ctx); err != nil {
		return err
	}
	frames := appendPub[string](nil, "bench.secret", "", nil)
	return errors.Join(e.refuses(ctx, "writer", frames), e.refuses(ctx, "reader", appendSub(nil, "bench.secret", "", 1)))
}

// refuses checks that the user is told that it may not do what frames ask for.
func (e *Env) refuses(ctx context.Context, user string, frames []byte) error {
	st := newStage(ctx, e.dialer())
	defer st.close()
	st.login(user)
	c, err := st.dial(idleReadBuffer)
	if err != nil {
		return err
	}
	if err := c.Write(append(frames, "PING\r\n"...)); err != nil {
		return err
	}
	switch _, err = c.await(pongEvent); {
	case err == nil:
		return fmt.Errorf("the server does not refuse %q to %s", frames, user)
	case strings.Contains(err.Error(), "Permissions Violation"):
		return nil
	default:
		return err
	}
}

// compare measures two loads in turn. The figures are those of the burdened
// one, which Kept compares with the plain.
func compare(ctx context.Context, env *Env, plain, burdened shape) (Sample, error) {
	total := make(Sample)
	for range comparedRounds {
		base, err := plain.run(ctx, env)
		if err != nil {
			return nil, fmt.Errorf("to compare with: %w", err)
		}
		sample, err := burdened.run(ctx, env)
		if err != nil {
			return nil, err
		}
		sample[Compared], sample[ComparedCPU] = base[Rate], base[CPU]
		for m, v := range sample {
			total[m] += v / comparedRounds
		}
	}
	total[Kept] = total[Rate] / total[Compared]
	return total, nil
}
