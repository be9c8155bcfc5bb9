"""What differs between two pod templates, in few words: images by name, everything else without its values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rollout.models.kinds import Manifest

_MOST = 20
_CONTAINERS = {"containers": "", "initContainers": "init container "}


def changes(before: Manifest, after: Manifest) -> tuple[str, ...]:
    """One entry for each difference, at most 20: `image shop:v1 → shop:v2`, `env LOG_LEVEL changed`.

    A value may be a secret, so none but the names of images is told.
    """
    found = (*_pod(before, after), *_metadata(before, after))
    return found if len(found) <= _MOST else (*found[: _MOST - 1], f"{len(found) - _MOST + 1} more")


def _pod(before: Manifest, after: Manifest) -> Iterator[str]:
    old, new = _object(before, "spec"), _object(after, "spec")
    for field, word in _CONTAINERS.items():
        olds, news = _named(old.get(field)), _named(new.get(field))
        alone = field == "containers" and olds.keys() == news.keys() and len(news) == 1
        for name in _both(olds, news):
            label = "" if alone else f"{word}{name}: "
            yield from (f"{label}{said}" for said in _container(olds.get(name), news.get(name)))
    rest = [{name: value for name, value in each.items() if name not in _CONTAINERS} for each in (old, new)]
    yield from _said("", rest[0], rest[1])


def _container(old: Manifest | None, new: Manifest | None) -> Iterator[str]:
    if old is None or new is None:
        yield "added" if old is None else "removed"
        return
    if old.get("image") != new.get("image"):
        yield f"image {_short(old.get('image'))} → {_short(new.get('image'))}"
    yield from _said("env ", _named(old.get("env")), _named(new.get("env")))
    apart = ("image", "env")
    yield from _said("", *({name: value for name, value in each.items() if name not in apart} for each in (old, new)))


def _metadata(before: Manifest, after: Manifest) -> Iterator[str]:
    old, new = _object(before, "metadata"), _object(after, "metadata")
    for field, word in (("labels", "label "), ("annotations", "annotation ")):
        yield from _said(word, _object(old, field), _object(new, field))


def _said(word: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in _both(old, new):
        if name not in old or name not in new:
            yield f"{word}{name} {'added' if name in new else 'removed'}"
        elif old[name] != new[name]:
            yield f"{word}{name} changed"


def _both(old: Mapping[str, Any], new: Mapping[str, Any]) -> Sequence[str]:
    """The names in both, those of the new one first."""
    return (*new, *(name for name in old if name not in new))


def _named(entries: Any) -> dict[str, Manifest]:
    """A list of objects with names, by name; whatever else somebody wrote is passed over."""
    listed = entries if isinstance(entries, list) else []
    return {str(each["name"]): each for each in listed if isinstance(each, dict) and "name" in each}


def _object(manifest: Manifest, field: str) -> dict[str, Any]:
    value = manifest.get(field)
    return value if isinstance(value, dict) else {}


def _short(image: Any) -> str:
    """An image without its registry."""
    return str(image).rpartition("/")[2] if image else "none"
