package main

import (
	"strings"

	"github.com/quiver-features/quiver/registry"
)

// lineageText draws the ways of values as trees: source, views, services.
func (a *app) lineageText(trees []registry.LineageNode) string {
	var b strings.Builder
	for i := range trees {
		b.WriteString(a.nodeText(&trees[i]) + "\n")
		a.branches(&b, trees[i].ReadBy, "")
	}
	return b.String()
}

func (a *app) branches(b *strings.Builder, nodes []registry.LineageNode, indent string) {
	for i := range nodes {
		branch, below := "├── ", "│   "
		if a.env.ascii {
			branch, below = "|-- ", "|   "
		}
		if i == len(nodes)-1 {
			branch, below = strings.Replace(branch, "├", "└", 1), "    "
		}
		b.WriteString(indent + branch + a.nodeText(&nodes[i]) + "\n")
		a.branches(b, nodes[i].ReadBy, indent+below)
	}
}

// nodeText writes a node: view last_order@1 by customer (current, defined).
func (a *app) nodeText(n *registry.LineageNode) string {
	text := n.Kind + " " + versioned(n.Name, n.Version)
	if n.Described {
		text = a.paint(bold, text)
	}
	if len(n.By) > 0 {
		text += " by " + strings.Join(n.By, ", ")
	}
	var remarks []string
	for _, r := range []struct {
		holds bool
		word  string
	}{{n.Removed, "removed"}, {n.Current, "current"}, {n.Defined && !n.Current, "defined, not promoted"}} {
		if r.holds {
			remarks = append(remarks, r.word)
		}
	}
	if n.Version != 0 && len(remarks) == 0 {
		remarks = append(remarks, "an earlier version")
	}
	if len(remarks) > 0 {
		text += " (" + strings.Join(remarks, ", ") + ")"
	}
	return text
}
