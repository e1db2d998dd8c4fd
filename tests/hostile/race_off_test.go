//go:build !race

package hostile

const underRace = false
