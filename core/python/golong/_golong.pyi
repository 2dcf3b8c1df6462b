"""The compiled half of golong: the torch-free core. Use the package `golong`."""
import os
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np

__version__: str

class Error(ValueError):
    """What is wrong, where, what was expected, and what to do."""

class Config:
    """All settings of a run."""

    def __init__(self, overrides: Sequence[str] = ...) -> None: ...
    @staticmethod
    def load(file: str | os.PathLike[str], overrides: Sequence[str] = ...) -> Config: ...
    @staticmethod
    def from_toml(text: str) -> Config: ...
    def to_toml(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def update(self, values: dict[str, Any]) -> None: ...
    def unknown_key(self, key: str) -> str: ...
    def is_value(self, key: str) -> bool: ...
    def copy(self) -> Config: ...

class Scorer:
    """Scores rows with the rewards, routes and settings of a config."""

    def __init__(self, config: Config) -> None: ...
    def score(self, rows: list[Any]) -> list[dict[str, Any]]: ...

def plugins() -> list[dict[str, Any]]:
    """Every plugin that can be used: {kind, id, version, summary, library, thread_safe, parameters}, sorted."""

def add_plugin_path(path: str | os.PathLike[str]) -> None:
    """Also takes plugins from this library or folder, for the rest of the process."""

def advantages(
    name: str,
    rewards: Sequence[float | None] | np.ndarray,
    groups: Sequence[Hashable] | np.ndarray,
    tasks: Sequence[Hashable] | np.ndarray | None = ...,
    *,
    lengths: Sequence[int] | np.ndarray | None = ...,
    **kwargs: Any,
) -> np.ndarray: ...
def train(
    config: Config,
    resume: bool = ...,
    callback: Callable[[int, dict[str, float]], bool | None] | None = ...,
) -> int: ...
def describe_engine() -> str:
    """LibTorch's version, devices and threads. Loads it."""
