"""Templates, and the few ways in which they show what comes from outside."""

import json
import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from dashboard.static_files import StaticFiles
from dashboard.views import words
from domain.visible import Oddity, spans

_TEMPLATES = Path(__file__).with_name("templates")
_MANY_BREAKS = re.compile(r"\n(?:[ \t]*\n){3,}")
_MUCH = 1200
_MANY_LINES = 24
_MARKS = {
    Oddity.HIDDEN: "A character that does not show: {}",
    Oddity.LOOKALIKE: "A letter that looks like another: {}",
}


class Pages:
    """Renders templates. Everything is escaped unless it is markup of our own."""

    def __init__(self, files: StaticFiles) -> None:
        """Take the static files, whose addresses and icons stand in the pages."""
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(asset=files.address, icon=files.icon)
        self._environment.filters.update(
            actor=words.actor,
            ago=words.ago,
            bars=words.bars_of,
            capital=words.capital,
            clock=words.clock,
            count=count,
            decided=words.decided,
            decision_time=words.decision_time,
            event_word=words.event_word,
            refusal=words.refusal,
            decided_by=words.decided_by,
            folds=folds,
            json=pretty_json,
            standing_key=words.standing_key,
            status=words.status_word,
            time_left=words.time_left,
            visible=visible,
            votes=words.votes,
        )
        # A row that imports them does so two hundred times a page: a tenth of what the page costs.
        self._environment.globals["m"] = self._environment.get_template("macros.html").module

    def render(self, template: str, **context: Any) -> str:  # noqa: ANN401  whatever the template shows
        """Return a template as HTML."""
        return self._environment.get_template(template).render(**context)


def visible(text: str) -> Markup:
    """Return text from outside as markup in which all of it shows: escaped, with what hides or pretends marked."""
    parts: list[Markup] = []
    start = 0
    for breaks in _MANY_BREAKS.finditer(text):
        lines = breaks.group().count("\n") - 1
        parts += (
            _marked(text[start : breaks.start()]),
            Markup('\n<mark class="odd">{} empty lines</mark>\n').format(count(lines)),
        )
        start = breaks.end()
    parts.append(_marked(text[start:]))
    return Markup("").join(parts)


def folds(text: str) -> bool:
    """Whether text is too long to be shown whole at once. Runs of empty lines count for one: they are one mark."""
    condensed = _MANY_BREAKS.sub("\n\n", text)
    return len(condensed) > _MUCH or condensed.count("\n") > _MANY_LINES


def count(number: float) -> str:
    """Return a number with separators between its thousands."""
    return f"{number:,}"


def pretty_json(value: Any) -> str:  # noqa: ANN401  any JSON value
    """Return a JSON value over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _marked(text: str) -> Markup:
    return Markup("").join(
        escape(span.shown)
        if span.oddity is None
        else Markup('<mark class="odd {}" title="{}">{}</mark>').format(
            span.oddity.value, _MARKS[span.oddity].format(span.name), span.shown
        )
        for span in spans(text)
    )
