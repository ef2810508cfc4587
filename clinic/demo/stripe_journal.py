"""The file behind the stand-in's memory: one line per change, so that a killed process leaves all of it or none."""

import json
from pathlib import Path

from clinic.demo.stripe_errors import Json


def read(path: Path) -> tuple[dict[str, dict[str, Json]], dict[str, Json]]:
    """Return the objects by kind and id, and the kept answers by key; a last line cut short never happened."""
    objects: dict[str, dict[str, Json]] = {}
    answers: dict[str, Json] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else []:
        try:
            change = json.loads(line)
        except json.JSONDecodeError:
            break
        for kind, identity, kept in change["objects"]:
            objects.setdefault(kind, {})[identity] = kept
        answers.update(change["answers"])
    return objects, answers


def rewrite(path: Path, objects: dict[str, dict[str, Json]], answers: dict[str, Json]) -> None:
    """Replace the file by one line that holds everything."""
    every = [(kind, identity, kept) for kind, of_kind in objects.items() for identity, kept in of_kind.items()]
    beside = path.with_name(path.name + ".new")
    beside.write_text(_line(every, answers), "utf-8")
    beside.replace(path)


def append(path: Path, objects: list[tuple[str, str, Json]], answers: dict[str, Json]) -> None:
    """Add one change in one write."""
    with path.open("ab") as file:
        file.write(_line(objects, answers).encode())


def _line(objects: list[tuple[str, str, Json]], answers: dict[str, Json]) -> str:
    return json.dumps({"objects": objects, "answers": answers}, separators=(",", ":")) + "\n"
