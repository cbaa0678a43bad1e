package main

import (
	"context"
	"strings"
)

// publish brings the commits and tags into the repository.
func (r *release) publish(ctx context.Context) error {
	const ref = "refs/heads/released"
	if _, err := r.tools.git(ctx, r.tree, "update-ref", ref, r.merged); err != nil {
		return err
	}
	steps := [][]string{
		{"fetch", "--quiet", "--no-tags", r.tree, ref},
		{"merge", "--quiet", "--ff-only", r.merged},
	}
	var tags []string
	for _, m := range r.modules {
		tag := m.tag(r.version)
		tags = append(tags, tag)
		steps = append(steps, []string{"tag", "--annotate", "-m", m.path() + " " + r.version, tag, r.tagged})
	}
	for _, args := range steps {
		if _, err := r.tools.git(ctx, r.repo.top, args...); err != nil {
			return err
		}
	}
	list := strings.Join(tags, " ")
	r.say("%s is in this repository. Nothing is pushed yet.", r.version)
	r.say("To publish it:  git push --atomic origin %s %s", r.repo.branch, list)
	r.say("To undo it:     git reset --hard %s && git tag --delete %s", r.repo.head, list)
	return nil
}
