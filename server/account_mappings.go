package server

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"myelin/internal/config"
	"myelin/internal/report"
)

// mappedTo are mappings as the monitoring pages show them: for everybody, then for each cluster by name, the destinations from the
// lightest to the heaviest. The weight of one includes those before it. What is left to the subject itself is one of them.
func mappedTo(list []config.Mapping) map[string][]report.MappedTo {
	if len(list) == 0 {
		return nil
	}
	shown := make(map[string][]report.MappedTo, len(list))
	for _, m := range list {
		groups := map[string][]config.MappingDest{"": nil}
		for _, d := range m.Dests {
			groups[d.Cluster] = append(groups[d.Cluster], d)
		}
		named := slices.ContainsFunc(m.Dests, func(d config.MappingDest) bool { return d.Subject == m.Source })
		for _, cluster := range slices.Sorted(maps.Keys(groups)) {
			shown[m.Source] = append(shown[m.Source], summedUp(groups[cluster], cluster, m.Source, !named)...)
		}
	}
	return shown
}

// summedUp are the destinations of a mapping in one cluster; rest says that the subject itself has what they leave.
func summedUp(dests []config.MappingDest, cluster, source string, rest bool) (shown []report.MappedTo) {
	left := 100
	for _, d := range dests {
		left -= d.Weight
	}
	if dests = slices.Clone(dests); rest && left > 0 {
		dests = append(dests, config.MappingDest{Subject: itself(source), Weight: left})
	}
	slices.SortStableFunc(dests, func(a, b config.MappingDest) int { return cmp.Compare(a.Weight, b.Weight) })
	sum := 0
	for _, d := range dests {
		sum += d.Weight
		shown = append(shown, report.MappedTo{Subject: d.Subject, Weight: sum, Cluster: cluster})
	}
	return shown
}

// itself is the destination that leaves a subject as it is.
func itself(source string) string {
	tokens, n := strings.Split(source, "."), 0
	for i, token := range tokens {
		if token == "*" {
			n++
			tokens[i] = fmt.Sprintf("$%d", n)
		}
	}
	return strings.Join(tokens, ".")
}
