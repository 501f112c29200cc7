"""The errors that travel upward: told to the user, worth a retry, or a dead engine."""

from __future__ import annotations


def sentence(template: str) -> str:
    """Marks the sentence of an error that is not written where the error is made, for its translation."""
    return template


class RolltopError(Exception):
    """Base of every error raised on purpose.

    The English text is a template with named fields, kept apart from its values so that the
    window can translate the one and fill in the other.

    Attributes:
        template: a sentence in plain words, fields as `{name}`.
        params: the values of the fields.
        hint: what the user can do about it, a template of the same kind; may be empty.
        code: a stable word for callers that offer a specific way out, such as "context_full".
    """

    code = "error"

    def __init__(self, template: str, *, hint: str = "", code: str = "", **params: object) -> None:
        self.template = template
        self.hint = hint
        self.params = params
        if code:
            self.code = code
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """The English sentence, filled in."""
        return self.template.format(**self.params)

    @property
    def hint_text(self) -> str:
        """The English way out, filled in; empty when there is none."""
        return self.hint.format(**self.params)


class UserError(RolltopError):
    """Something the user can understand and do something about."""

    code = "user"


class EngineError(RolltopError):
    """One request failed; the engine is alive and may be asked again."""

    code = "engine"


class EngineDied(RolltopError):
    """The engine's process is gone; the model has to be started again."""

    code = "died"
