"""make bench: golong beside what one would use instead. Prints a table; docs/benchmarks.md keeps measured ones.

    tools/bench.sh [golong [topic...]]     topics: one file of this folder each
"""
import sys

import rewards
import rollout
import tokenizing
import train

TOPICS = {"tokenizing": tokenizing.run, "rewards": rewards.run, "rollout": rollout.run, "train": train.run}

golong, *chosen = sys.argv[1:]
for topic in chosen or TOPICS:
    if topic not in TOPICS:
        sys.exit(f"bench: there is no topic {topic}; there are {', '.join(TOPICS)}")
    TOPICS[topic](golong)
