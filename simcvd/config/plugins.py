"""Methods and networks of other people: a Python file, or an installed package.

A class says what it is with `method` or `network`; its module is read by `load_plugin`. From then on its section of
settings is like any other, its name is known, and every trial's settings carry the file to other processes and nodes.
"""

import hashlib
import linecache
import re
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from pydantic import ValidationError, create_model

from simcvd.config.declaration import Declaration, Kind, declaration_of
from simcvd.config.methods import MethodSettings
from simcvd.config.network import NETWORKS, NetworkSettings
from simcvd.config.settings import TrialConfig
from simcvd.config.types import Settings, Vox3
from simcvd.errors import UserError

_GROUPS: Final[dict[str, Kind]] = {"simcvd.methods": "method", "simcvd.networks": "network"}
_SECTIONS: Final[dict[Kind, type[Settings]]] = {"method": MethodSettings, "network": NetworkSettings}
PLUGINS: Final = "plugins"
"""Folder of a trial, a sweep or a model that keeps its plug-ins."""
_WITHOUT_SECTION: Final = frozenset({"simcvd", "supervised", *NETWORKS})
"""Names of built-in methods and networks that have no section of their own."""
_NAME: Final = re.compile("[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class PluginSource:
    """The code of a plug-in.

    Attributes:
        name: of the file, or of the package with its version.
        digest: SHA-256 of the code.
        text: the file's content; none of a package, which has to be installed wherever it is used.
    """

    name: str
    digest: str
    text: str | None


@dataclass(frozen=True)
class Declared:
    """A class of a plug-in, what it says of itself, and where it is from."""

    declaration: Declaration
    made: type[Any]
    source: PluginSource


class Loaded:
    """The plug-ins of this process; `installed` tells whether the packages among them were looked for."""

    def __init__(self) -> None:
        self.sources: dict[str, PluginSource] = {}
        self.declared: dict[str, Declared] = {}
        self.config: type[TrialConfig] = TrialConfig
        self.installed = False


loaded = Loaded()


def trial_config() -> type[TrialConfig]:
    """Return the settings of a trial, with the sections of plug-ins."""
    _load_installed()
    return loaded.config


def declared_by_plugins(kind: Kind) -> dict[str, Declared]:
    """Return what plug-ins added, by name."""
    _load_installed()
    return {name: found for name, found in loaded.declared.items() if found.declaration.kind == kind}


def plugins_of(config: TrialConfig) -> dict[str, PluginSource]:
    """Return the plug-ins that a trial's method and network are from, by their names."""
    names = (config.method, config.network.name)
    sources = [loaded.declared[name].source for name in names if name in loaded.declared]
    return {source.name: source for source in sources}


def load_plugin(path: Path) -> PluginSource:
    """Load a plug-in from its file; one that is there already stays as it is.

    Raises:
        UserError: there is no such file, it can't be run, or what it declares can't be; with file and line.
    """
    if path.suffix != ".py":
        raise UserError(f"The plug-in {path} is no Python file; expected a file whose name ends in .py.")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The plug-in {path} can't be read: {error}.") from error
    source = PluginSource(path.name, _digest(text.encode()), text)
    _load(source, str(path))
    return source


def check_plugins_kept(folder: Path) -> None:
    """Refuse a trial whose plug-ins, kept in `folder`, are not loaded: code of others runs only where it is asked for.

    Raises:
        UserError: with the option that loads what is kept.
    """
    for path in sorted((folder / PLUGINS).glob("*.py")):
        found = loaded.sources.get(path.name)
        if found is None or found.digest != _digest(path.read_bytes()):
            other = "" if found is None else " of another content"
            raise UserError(
                f"The trial in {folder} was trained with a plug-in {path.name}{other}; if you trust the code that is "
                f"kept there, add --plugin {path}."
            )


def plugin_files(config: TrialConfig | None = None) -> dict[str, str]:
    """Return the texts of a trial's plug-ins, or of all there are, by their files' names."""
    sources = (loaded.sources if config is None else plugins_of(config)).values()
    return {source.name: source.text for source in sources if source.text is not None}


def content_of(config: TrialConfig) -> dict[str, Any]:
    """Return settings in JSON types, without the sections of plug-ins that the trial does not read."""
    added = {name for name, found in loaded.declared.items() if found.declaration.settings is not None}
    return config.model_dump(mode="json", exclude=added & config.unread())


def _load_installed() -> None:
    if loaded.installed:
        return
    loaded.installed = True
    for group, kind in _GROUPS.items():
        for entry in metadata.entry_points(group=group):
            distribution = entry.dist
            assert distribution is not None
            package = f"{distribution.name} {distribution.version}"
            try:
                made = entry.load()
            except Exception as error:  # whatever a package raises
                raise UserError(
                    f"The installed package {package} adds the {kind} '{entry.name}' to simcvd, which can't be loaded "
                    f"({type(error).__name__}: {error}); mend or uninstall it."
                ) from error
            found = declaration_of(made)
            if found is None or (found.kind, found.name) != (kind, entry.name):
                raise UserError(
                    f"The installed package {package} names {entry.value} as the {kind} '{entry.name}', which does not "
                    f"say so itself; expected @{kind}('{entry.name}', ...) above it."
                )
            source = PluginSource(package, _package_digest(made.__module__), None)
            _add(source, [Declared(found, made, source)], package)


def _package_digest(module: str) -> str:
    """Return the SHA-256 over all Python files of a module's package, or of the module alone."""
    found = util.find_spec(module.partition(".")[0])
    assert found is not None
    if found.submodule_search_locations:
        root = Path(found.submodule_search_locations[0])
        files = sorted(root.rglob("*.py"))
    else:
        files = [Path(str(found.origin))]
        root = files[0].parent
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(root).as_posix()}\n".encode() + file.read_bytes())
    return total.hexdigest()


def _load(source: PluginSource, path: str) -> None:
    before = loaded.sources.get(source.name)
    if before == source:
        return
    if before is not None:
        raise UserError(f"Two plug-ins are called {source.name}; give one of them another name.")
    assert source.text is not None
    module = ModuleType(f"simcvd_plugin_{Path(source.name).stem}")
    module.__file__ = path
    sys.modules[module.__name__] = module
    linecache.cache[path] = (len(source.text), None, source.text.splitlines(keepends=True), path)
    try:
        exec(compile(source.text, path, "exec"), module.__dict__)  # the user's own code, asked for by name
    except Exception as error:  # whatever the file raises
        raise UserError(f"The plug-in {_place(error, path)}: {_reason(error)}.") from error
    own = {made for made in vars(module).values() if isinstance(made, type) and made.__module__ == module.__name__}
    by_name = sorted(own, key=lambda made: made.__qualname__)
    said = [(declaration_of(made), made) for made in by_name]
    declared = [Declared(declaration, made, source) for declaration, made in said if declaration is not None]
    if not declared:
        raise UserError(
            f"The plug-in {path} adds nothing; expected a class under @method(...) or @network(...) of simcvd.plugin."
        )
    _add(source, declared, path)


def _add(source: PluginSource, declared: Iterable[Declared], where: str) -> None:
    """Add classes that their module declares, all of them or none."""
    fresh: dict[str, Declared] = {}
    for found in declared:
        declaration = found.declaration
        line = f"{where}, class {found.made.__name__}"
        if not _NAME.fullmatch(declaration.name):
            raise UserError(
                f"The plug-in {line}: the name '{declaration.name}' has other signs than a-z, 0-9 and _, or begins "
                "with none of a-z."
            )
        if declaration.name in {*loaded.config.model_fields, *loaded.declared, *fresh, *_WITHOUT_SECTION}:
            raise UserError(f"The plug-in {line}: the name '{declaration.name}' is taken; choose another.")
        _check_settings(declaration, line)
        fresh[declaration.name] = found
    sections: dict[str, Any] = {
        name: (found.declaration.settings, found.declaration.settings())
        for name, found in fresh.items()
        if found.declaration.settings is not None
    }
    base = _PluggedConfig if loaded.config is TrialConfig else loaded.config
    loaded.config = create_model("TrialConfig", __base__=base, **sections)
    loaded.sources[source.name] = source
    loaded.declared |= fresh


def _check_settings(declaration: Declaration, line: str) -> None:
    settings, expected = declaration.settings, _SECTIONS[declaration.kind]
    if settings is None:
        return
    if not issubclass(settings, expected):
        raise UserError(f"The plug-in {line}: its settings are no {expected.__name__}; derive them from it.")
    for key, field in settings.model_fields.items():
        if not field.description:
            raise UserError(f"The plug-in {line}: the setting '{key}' has no description; say what it is.")
    try:
        settings()
    except ValidationError as error:
        name = ".".join(map(str, error.errors()[0]["loc"]))
        raise UserError(f"The plug-in {line}: the setting '{name}' has no default; give it one.") from error


class _PluggedConfig(TrialConfig):
    """Settings with sections of plug-ins; pickled with the plug-ins' code, so that they are themselves elsewhere."""

    @property
    def crop_multiples(self) -> Vox3:
        """What the network divides each side of a crop by."""
        found = loaded.declared.get(self.network.name)
        return (found and found.declaration.multiple_of) or super().crop_multiples

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (tuple(loaded.sources.values()), self.model_dump_json())


def _restored(sources: tuple[PluginSource, ...], text: str) -> TrialConfig:
    """Make settings from their JSON, in a process that may not know their plug-ins yet."""
    _load_installed()
    for source in sources:
        if source.text is not None:
            _load(source, source.name)
        elif loaded.sources.get(source.name) != source:
            raise UserError(f"The package {source.name} is not installed here, or its code differs; install it anew.")
    return loaded.config.model_validate_json(text)


def _place(error: Exception, path: str) -> str:
    """Return file and line where a plug-in's own code failed."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return f"{path}, line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return f"{path}, line {lines[-1]}" if lines else path


def _reason(error: Exception) -> str:
    told = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {' '.join(told.split())}".rstrip(": .")


def digests_of(config: TrialConfig) -> dict[str, str]:
    """Return the digests of a trial's plug-ins, by their names; none where it has none."""
    return {name: source.digest for name, source in plugins_of(config).items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
