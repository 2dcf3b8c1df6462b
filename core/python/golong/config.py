"""Config: every setting of a run, with attribute access and dotted keys."""
from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from golong import _golong
from golong._golong import Error


def _texts(overrides: list[str] | tuple[str, ...]) -> list[str]:
    if isinstance(overrides, str):
        raise TypeError(f'overrides is one text; give a list: ["{overrides}"]')
    return list(overrides)


def load_config(path: str | os.PathLike[str], overrides: list[str] | tuple[str, ...] = ()) -> Config:
    """Reads a TOML file and the files it extends; overrides are "train.learning_rate=1e-5", later ones win."""
    return Config._wrap(_golong.Config.load(path, _texts(overrides)))


def _walk(tree: dict[str, Any], key: str) -> Any:
    """The value at a dotted key. Names with dots ("routes.my.source") are found as well."""
    if key in tree:
        return tree[key]
    for name, value in tree.items():
        if isinstance(value, dict) and key.startswith(name + "."):
            try:
                return _walk(value, key[len(name) + 1:])
            except KeyError:
                continue
    raise KeyError(key)


class Section:
    """One table of a config: `config.train`. Reading and setting go through to the config."""

    def __init__(self, config: Config, path: str) -> None:
        object.__setattr__(self, "_config", config)
        object.__setattr__(self, "_path", path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._config[f"{self._path}.{name}"]
        except Error as error:
            raise AttributeError(str(error)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._config[f"{self._path}.{name}"] = value

    def __getitem__(self, key: str) -> Any:
        return self._config[f"{self._path}.{key}"]

    def __setitem__(self, key: str, value: Any) -> None:
        self._config[f"{self._path}.{key}"] = value

    def __dir__(self) -> list[str]:
        return sorted(self.to_dict())

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        return _walk(self._config.to_dict(), self._path)

    def __repr__(self) -> str:
        return f"<golong.Section {self._path}: {self.to_dict()}>"


class Config:
    """Every setting of a run. `config.train.learning_rate` and `config["train.learning_rate"]` read and set; what is
    set is checked at once, and golong.Error says what was expected. `update` sets several keys that depend on one
    another."""

    _config: _golong.Config

    def __init__(self, overrides: list[str] | tuple[str, ...] = ()) -> None:
        object.__setattr__(self, "_config", _golong.Config(_texts(overrides)))

    @classmethod
    def _wrap(cls, config: _golong.Config) -> Config:
        wrapped = cls.__new__(cls)
        object.__setattr__(wrapped, "_config", config)
        return wrapped

    def __getitem__(self, key: str) -> Any:
        try:
            value = _walk(self._config.to_dict(), key)
        except KeyError:
            raise Error(self._config.unknown_key(key)) from None
        return Section(self, key) if isinstance(value, dict) and not self._config.is_value(key) else value

    def __setitem__(self, key: str, value: Any) -> None:
        self._config.update({key: value})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self[name]
        except Error as error:
            raise AttributeError(str(error)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise AttributeError(f"{name} is a table of the config; set its keys: config.{name}.KEY = VALUE")
        self._config.update({f"{name}.{key}": item for key, item in value.items()})

    def __dir__(self) -> list[str]:
        return sorted([*self._config.to_dict(), "copy", "to_dict", "to_toml", "update"])

    def update(self, values: Mapping[str, Any]) -> None:
        """Sets several dotted keys at once; all of them, or none where one is wrong."""
        self._config.update(dict(values))

    def copy(self) -> Config:
        return Config._wrap(self._config.copy())

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Config:
        return self.copy()

    def to_toml(self) -> str:
        """All settings as a TOML file that load_config reads."""
        return self._config.to_toml()

    def to_dict(self) -> dict[str, Any]:
        return self._config.to_dict()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_toml, (self.to_toml(),)

    def __repr__(self) -> str:
        return f"<golong.Config\n{self.to_toml()}>"


def _from_toml(text: str) -> Config:
    return Config._wrap(_golong.Config.from_toml(text))
