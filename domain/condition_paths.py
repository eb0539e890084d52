"""What of a request a condition looks at, in the words of the condition: `operation.parameters.limit`."""

from collections.abc import Sequence

from domain.condition_text import VARIABLES, Kind, Token, tokens_of


def paths_read(text: str) -> tuple[str, ...]:
    """Return what a condition that compiles looks at, each once, in order."""
    tokens = list(tokens_of(text))
    starts = [
        position
        for position, token in enumerate(tokens)
        if token.kind is Kind.NAME and token.text in VARIABLES and not (position and tokens[position - 1].text == ".")
    ]
    return tuple(dict.fromkeys(_path(tokens[start:]) for start in starts))


def _path(tokens: Sequence[Token]) -> str:
    """Return the longest path at the start of `tokens`, up to the first call or index that is worked out."""
    path = tokens[0].text
    position = 1
    while True:
        match tokens[position : position + 3]:
            case [Token(text="."), Token(text=name), *after] if not (after and after[0].text == "("):
                path += f".{name}"
                position += 2
            case [Token(text="["), Token(kind=Kind.TEXT | Kind.RAW | Kind.NUMBER, text=key), Token(text="]")]:
                path += f"[{key}]"
                position += 3
            case _:
                return path
