"""What a class of a plug-in says of itself: a method or a network, its name, its paper, its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from simcvd.config.methods import MethodSettings
from simcvd.config.network import NetworkSettings
from simcvd.config.types import Settings, Vox3

Made = TypeVar("Made", bound=type)
Kind = Literal["method", "network"]
_MARK: Final = "_simcvd_declaration"


@dataclass(frozen=True)
class Declaration:
    """What a class says of itself.

    Attributes:
        kind: what it is.
        name: in `method` or `network.name`, and of its section.
        summary: a line for lists.
        paper: where it is from; empty where it is from nowhere yet.
        doi: of the paper; empty without one.
        settings: its section; none where it has no settings.
        multiple_of: of a network: what the sides of a crop must be multiples of; none: what `network.strides` multiply
            to.
    """

    kind: Kind
    name: str
    summary: str
    paper: str = ""
    doi: str = ""
    settings: type[Settings] | None = None
    multiple_of: Vox3 | None = None


def method(
    name: str, *, summary: str, paper: str = "", doi: str = "", settings: type[MethodSettings] | None = None
) -> Callable[[Made], Made]:
    """Say that a subclass of `Method` is a method; see `Declaration`."""
    return _marked(Declaration("method", name, summary, paper, doi, settings))


def network(
    name: str,
    *,
    summary: str,
    paper: str = "",
    doi: str = "",
    settings: type[NetworkSettings] | None = None,
    multiple_of: Vox3 | None = None,
) -> Callable[[Made], Made]:
    """Say that a subclass of `torch.nn.Module` is a network; see `Declaration`."""
    return _marked(Declaration("network", name, summary, paper, doi, settings, multiple_of))


def _marked(declaration: Declaration) -> Callable[[Made], Made]:
    def mark(made: Made) -> Made:
        setattr(made, _MARK, declaration)
        return made

    return mark


def declaration_of(made: type) -> Declaration | None:
    """Return what a class itself says, not what it derives from."""
    found = vars(made).get(_MARK)
    return found if isinstance(found, Declaration) else None
