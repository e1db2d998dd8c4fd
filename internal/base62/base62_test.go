package base62

import "testing"

// Hashes are those of stock servers: of an account, as its subjects of acknowledgements have it, and of the API of an
// origin elsewhere, as its marks have it.
func TestHashIsThatOfStockServers(t *testing.T) {
	for text, want := range map[string]string{"$G": "szMpdrwD", "fromA.API": "vVE0B7At"} {
		if got := Hash(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
