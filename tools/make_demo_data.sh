#!/bin/sh
# Makes the demo's rows again: configs/demo/data/{train,eval}.jsonl with their manifest, and the rows for `golong sft`,
# which are too many to ship (.cache/demo/sft.jsonl). Needs Debian 12 and the network the first time.
#
#   tools/make_demo_data.sh [build/bin/golong]
set -eu
golong=${1:-build/bin/golong}
documents=.cache/documents/documents.jsonl
data=configs/demo/data
[ -f "$documents" ] || tools/fetch_documents.py --cache .cache/documents --output "$documents"
mkdir -p "$data" .cache/demo

make_rows() {  # output rows seed split [more options]
  output=$1 rows=$2 seed=$3 split=$4
  shift 4
  "$golong" data make --documents "$documents" --output "$output" --rows-per-task "$rows" --seed "$seed" \
    --split "$split" --eval-share 0.15 --max-context-bytes "${MAX_CONTEXT_BYTES:-450}" --max-answer-share 0.25 \
    --language Chinese=0.15 "$@"
}

# Held-out rows come from documents that no other row uses; no prompt stands in two files.
make_rows "$data/eval.jsonl" 120 303 eval
make_rows "$data/train.jsonl" 400 202 train --exclude "$data/eval.jsonl"
make_rows .cache/demo/sft.jsonl 7000 101 train --exclude "$data/eval.jsonl" --exclude "$data/train.jsonl"
tools/document_manifest.py --documents "$documents" --output "$data/MANIFEST.md" "$data/train.jsonl" "$data/eval.jsonl"
