package main

import (
	"context"
	"testing"
	"time"

	"myelin/internal/loadgen"
	"myelin/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// The cases that check who somebody is, and what he may do, need a server that does so: they are run, a little, against
// the one of this tree. What they measure is of no interest here; that they count every delivery, and are refused what
// they should be, is.
func TestCasesOfUsersAndAccounts(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	suite := &loadgen.Suite{Server: testkit.Binary(t), Match: "auth-*,acc-*", Runs: 1, Dir: t.TempDir(), Scale: 0.02,
		Warmup: 5 * time.Millisecond, Window: 20 * time.Millisecond, Settle: time.Millisecond, Backlog: 1 << 20}
	report, err := suite.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Rows) != 12 {
		t.Errorf("%d cases", len(report.Rows))
	}
	for _, row := range report.Rows {
		if row.Error != "" {
			t.Errorf("%s: %s", row.Name, row.Error)
		} else if s := row.Ours[0]; s[loadgen.Rate] <= 0 && s[loadgen.Startup] <= 0 {
			t.Errorf("%s: %v", row.Name, s)
		}
	}
}
