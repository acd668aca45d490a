"""Ablations that need no list of variants: a few terms, each switched off, or each alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from simcvd.config import dotted_keys
from simcvd.nested import leaves
from sweeps.definition.variant_entry import SweepModel, VariantEntry, short_names

Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True)
class OffSetting:
    """A setting that a term switches off.

    Attributes:
        path: where `terms` says so.
        term: the term's name; None where it is named after its settings.
        number: the term's number.
        key: the setting, dotted.
        value: what it is set to.
    """

    path: tuple[str | int, ...]
    term: str | None
    number: int
    key: str
    value: Any


class Ablation(SweepModel):
    """Rows from a list of terms: all on, each off, each alone, or one after the other."""

    terms: Annotated[list[Any], Field(min_length=1)] | Annotated[dict[str, Any], Field(min_length=1)] = Field(
        description="What is switched off. A setting's key alone: it is set to 0, a switch to false. A key with a "
        "value: it is set to this. A name with several of these: they are one term, and the rows are named after it."
    )
    leave_one_out: bool = Field(True, description="Rows `w/o X`: all terms but one.")
    add_one_in: bool = Field(False, description="Rows `none` and `only X`: one term alone.")
    build_up: bool = Field(False, description="Rows `none`, `+ X`, `+ X + Y`, ...: the terms added in their order.")
    full: Name = Field("full", description="Name of the row with all terms, which is the reference.")
    none: Name = Field("none", description="Name of the row without any.")

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not (self.leave_one_out or self.add_one_in or self.build_up):
            raise ValueError("switches off leave_one_out, add_one_in and build_up; one of them makes the rows")
        switched = list(off_settings(self.terms))
        if lacking := set(range(len(self.terms))) - {each.number for each in switched}:
            part = min(lacking) if isinstance(self.terms, list) else list(self.terms)[min(lacking)]
            raise _problem("names no setting; expected a setting's key, or settings with their values", part)
        named = self.switched_off
        if len(named) < len(self.terms):
            raise ValueError("two terms have the same name")
        if self.add_one_in or self.build_up:
            first: dict[str, OffSetting] = {}
            for each in switched:
                if (other := first.setdefault(each.key, each)).number != each.number:
                    raise _problem(f"{each.key} is in two terms, so neither can stand alone", *other.path)
        return self

    @property
    def switched_off(self) -> dict[str, dict[str, Any]]:
        """What is set without each term, by the term's name."""
        switched = list(off_settings(self.terms))
        names = short_names(dict.fromkeys(each.key for each in switched))
        terms: dict[int, list[OffSetting]] = {}
        for each in switched:
            terms.setdefault(each.number, []).append(each)
        return {
            own[0].term or " and ".join(names[each.key] for each in own): {each.key: each.value for each in own}
            for own in terms.values()
        }

    @property
    def rows(self) -> list[VariantEntry]:
        """The full one, then the generated ones; of those with the same terms, the first."""
        terms = self.switched_off
        found: list[tuple[str, dict[str, Any]]] = [(self.full, {})]
        if self.leave_one_out:
            found += [(f"w/o {name}", off) for name, off in terms.items()]
        if self.add_one_in or self.build_up:
            found.append((self.none, _without(terms, ())))
        if self.add_one_in:
            found += [(f"only {name}", _without(terms, (name,))) for name in terms]
        if self.build_up:
            steps = [tuple(terms)[:count] for count in range(1, len(terms))]
            found += [(" ".join(f"+ {name}" for name in kept), _without(terms, kept)) for kept in steps]
        each_once: list[tuple[str, dict[str, Any]]] = []
        for name, off in found:
            if all(off != other for _, other in each_once):
                each_once.append((name, off))
        return [VariantEntry(name=name, set=off) for name, off in each_once]


def off_settings(terms: Any) -> Iterator[OffSetting]:
    """Yield what each term switches off; what has no such form is passed over."""
    known = dotted_keys()

    def plain(path: tuple[str | int, ...], term: str | None, number: int, key: str) -> OffSetting:
        return OffSetting(path, term, number, key, False if isinstance(known.get(key), bool) else 0)

    if isinstance(terms, list):
        for number, entry in enumerate(terms):
            if isinstance(entry, str):
                yield plain((number,), None, number, entry)
            elif isinstance(entry, Mapping):
                for keys, value in leaves(entry):
                    yield OffSetting((number, *keys), None, number, ".".join(map(str, keys)), value)
    elif isinstance(terms, Mapping):
        for number, (name, entry) in enumerate(terms.items()):
            if isinstance(entry, Mapping):
                for keys, value in leaves(entry):
                    yield OffSetting((name, *keys), str(name), number, ".".join(map(str, keys)), value)
            elif name in known or not isinstance(entry, str | list):
                yield OffSetting((name,), None, number, str(name), entry)
            elif isinstance(entry, str):
                yield plain((name,), str(name), number, entry)
            else:
                for index, key in enumerate(entry):
                    yield plain((name, index), str(name), number, str(key))


def _without(terms: Mapping[str, Mapping[str, Any]], kept: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for name, off in terms.items() if name not in kept for key, value in off.items()}


def _problem(reason: str, *path: str | int) -> PydanticCustomError:
    return PydanticCustomError("sweep", "{reason}", {"reason": reason, "path": ["terms", *path]})
