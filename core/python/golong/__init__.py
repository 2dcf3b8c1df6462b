"""golong from Python: score answers, borrow our normalizers, run a training.

    >>> import golong
    >>> golong.advantages("tmn_reweight", rewards=[1, 0, 0, 1], groups=[7, 7, 8, 8], alpha=0.8)

Importing needs no LibTorch; it is loaded when `train` is called.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from golong import _golong
from golong._golong import Error, add_plugin_path, plugins
from golong.config import Config, Section, load_config

if TYPE_CHECKING:
    import numpy as np

__version__: str = _golong.__version__
__all__ = ["Config", "Error", "Scorer", "Section", "add_plugin_path", "advantages", "load_config", "plugins", "score",
           "train"]


def advantages(name: str, rewards: Sequence[float | None] | np.ndarray, groups: Sequence[Hashable] | np.ndarray,
               tasks: Sequence[Hashable] | np.ndarray | None = None, *,
               lengths: Sequence[int] | np.ndarray | None = None, **params: Any) -> np.ndarray:
    """One advantage for each response, by the normalizer plugin `name`, as a float64 array.

    rewards: of each response; None where it was not scored: it then counts for nothing and gets advantage 0.
    groups:  which prompt each response answers; anything hashable. Responses of a group may stand apart.
    tasks:   the task (normalisation key) of each response; one for all where it is None.
    lengths: tokens of each response, for normalizers that look at them.
    params:  parameters of the normalizer (`golong.plugins()` lists them), e.g. alpha=0.8.
    """
    return _golong.advantages(name, rewards, groups, tasks, lengths=lengths, **params)


class Scorer:
    """Scores rows with the rewards, routes and settings of a config; the defaults where it is None. Thread-safe."""

    def __init__(self, config: Config | None = None) -> None:
        self._scorer = _golong.Scorer((config or Config())._config)

    def score(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """One result for each row, in order: {id, task, reward, score, outcome, detail}.

        A row is a dict in the dataset's schema with a `response`, a text or a list of texts; where it is a list, so are
        score, outcome and detail. score is None unless the outcome is "scored".
        """
        return self._scorer.score(list(rows))


_default_scorer: Scorer | None = None


def score(rows: Iterable[Mapping[str, Any]], config: Config | None = None) -> list[dict[str, Any]]:
    """Scores rows as `golong score` does. See Scorer.score; make a Scorer to score often with a config of your own."""
    global _default_scorer
    if config is not None:
        return Scorer(config).score(rows)
    if _default_scorer is None:
        _default_scorer = Scorer()
    return _default_scorer.score(rows)


def train(config: Config | str | os.PathLike[str], resume: bool = False,
          callback: Callable[[int, dict[str, float]], bool | None] | None = None) -> int:
    """Trains with GRPO as `golong train` does, and returns the last step that was done.

    callback(step, metrics) is called after each step; where it returns False, the run saves and stops. What it raises
    stops the run, too, and is raised again here. Ctrl-C saves, stops and raises KeyboardInterrupt; a second one ends the
    process at once.
    """
    if not isinstance(config, Config):
        config = load_config(config)
    return _golong.train(config._config, resume, callback)
