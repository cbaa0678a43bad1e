package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// publish brings the tags and commits into the repository, or none of them.
func (r *release) publish(ctx context.Context) (err error) {
	const ref = "refs/heads/released"
	if _, err := r.tools.git(ctx, r.tree, "update-ref", ref, r.merged); err != nil {
		return err
	}
	var tags []string
	defer func() {
		if err != nil && len(tags) > 0 {
			_, failed := r.tools.git(context.WithoutCancel(ctx), r.repo.top, append([]string{"tag", "--delete"}, tags...)...)
			err = errors.Join(err, failed)
		}
	}()
	if _, err := r.tools.git(ctx, r.repo.top, "fetch", "--quiet", "--no-tags", r.tree, ref); err != nil {
		return err
	}
	for _, m := range r.modules {
		tag := m.tag(r.version)
		if _, err := r.tools.git(ctx, r.repo.top, "tag", "--annotate", "-m", m.path()+" "+r.version, tag, r.tagged); err != nil {
			return err
		}
		tags = append(tags, tag)
	}
	if branch, err := r.tools.git(ctx, r.repo.top, "branch", "--show-current"); err != nil {
		return err
	} else if branch != r.repo.branch {
		return fmt.Errorf("the branch %s is checked out now: check out %s, and prepare the release again", branch, r.repo.branch)
	}
	if _, err := r.tools.git(ctx, r.repo.top, "merge", "--quiet", "--ff-only", r.merged); err != nil {
		return err
	}
	list := strings.Join(tags, " ")
	r.say("%s is in this repository. Nothing is pushed yet.", r.version)
	r.say("To publish it:  git push --atomic origin %s %s", r.repo.branch, list)
	r.say("To undo it:     git reset --hard %s && git tag --delete %s", r.repo.head, list)
	return nil
}
