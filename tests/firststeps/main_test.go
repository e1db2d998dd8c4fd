package firststeps

import (
	"testing"

	"myelin/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }
