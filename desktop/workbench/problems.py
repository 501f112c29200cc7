"""What a person is told beside a result: not an error, since there is a result, but to be known."""

from __future__ import annotations

from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """A remark about a source, a part or a result.

    The English text is a template with named fields, as in `RolltopError`: marked with `sentence` where
    it is written, translated by the window.

    Attributes:
        code: a stable word, such as "chatter" or "empty_page".
        template: a sentence in plain words, fields as `{name}`.
        params: the values of the fields, plain values.
    """

    code: str
    template: str
    params: dict[str, Any] = {}

    @property
    def text(self) -> str:
        """The English sentence, filled in."""
        return self.template.format(**self.params)
