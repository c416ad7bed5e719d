#!/usr/bin/env bash
# Comments on a pull request what the policies say in the output of `pulumi preview`, in one comment for each
# environment, which later runs bring up to date.
#
# Usage: comment.sh OUTPUT
# Environment: ENVIRONMENT, OUTCOME (of the preview), PULL_REQUEST (its URL), and GH_TOKEN for gh; with DRY_RUN=1 the
# comment is only printed.
set -euo pipefail
output=$1

# From "Policies:" to the next heading.
violations=$(awk '/^[A-Z][A-Za-z]*:/ { inside = /^Policies:/ } inside && NR > 1 && !/^Policies:/' "$output")
marker="<!-- policies: $ENVIRONMENT -->"
body=$(
    printf '%s\n### Policies of `%s`: preview %s\n\n' "$marker" "$ENVIRONMENT" "$OUTCOME"
    if [ -n "${violations//[[:space:]]/}" ]; then
        # GitHub takes 65536 characters.
        printf '````\n%s\n````\n' "${violations:0:60000}"
    elif [ "$OUTCOME" = failure ]; then
        printf 'It failed before the policies had a say; its log says why.\n'
    else
        printf 'Nothing to say.\n'
    fi
)
if [ "${DRY_RUN:-}" = 1 ]; then
    printf '%s\n' "$body"
    exit
fi
path=${PULL_REQUEST#https://github.com/}
comments="repos/${path%/pull/*}/issues/${path##*/}/comments"
earlier=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$marker\")) | .url" | head -n 1)
if [ -n "$earlier" ]; then
    gh api --method PATCH "$earlier" --field body="$body" >/dev/null
else
    gh api --method POST "$comments" --field body="$body" >/dev/null
fi
