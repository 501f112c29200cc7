"""Runs a chat template as the untrusted program that it is.

A template comes with a model file from anywhere. Here its time, its memory and what it can reach are
bounded: every loop step, call and value is counted before or while it is made.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from types import BuiltinMethodType
from typing import Any, NoReturn, TypeVar

from jinja2 import TemplateSyntaxError, nodes, pass_environment
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.filters import FILTERS as DEFAULT_FILTERS
from jinja2.filters import make_attrgetter
from jinja2.parser import Parser
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter, safe_range
from jinja2.tests import TESTS as DEFAULT_TESTS
from jinja2.utils import Namespace
from markupsafe import escape

from models.errors import UserError

T = TypeVar("T")

MAX_SOURCE = 256 * 1024
"""Most characters of a template; the largest in use have about 20,000."""

MAX_TAGS = 5_000
"""Most statements and expressions of a template; the largest in use have about 400."""

TIME_LIMIT_S = 5.0


class TemplateError(UserError):
    """The model's chat template cannot be used, or not with these messages."""

    code = "template"

    def __init__(self, reason: str) -> None:
        super().__init__(
            "The model's chat template cannot be used: {reason}",
            hint="Choose another model, or get this one from another publisher.",
            reason=reason,
        )


class TemplateLimit(TemplateError):
    """The template asked for more time, memory or access than any honest one needs."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """End this process when the body is not done in time: the last defence around a render.

    `ChatTemplate` stops what loops in Jinja; this one also stops what would hang inside a single
    call in C. Python's stacks go to stderr. Only for a process that may die, and not to be nested.
    """
    where = sys.__stderr__
    spare = None
    try:
        target = where.fileno() if where is not None else -1
    except (OSError, ValueError):
        target = -1
    if target < 0:
        target = spare = os.open(os.devnull, os.O_WRONLY)
    faulthandler.dump_traceback_later(seconds, exit=True, file=target)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        if spare is not None:
            os.close(spare)


# ---------------------------------------------------------------- what a render may cost


class _Limit(Exception):
    """A bound was reached; carries the reason in plain words."""


class _Refusal(Exception):
    """The template itself refused the messages, by `raise_exception`."""


class _Budget:
    """Counts what one render uses, and raises `_Limit` when it is too much.

    Sizes are weights: about the characters that a value takes when it is written out, every
    element of a container counted as often as it is reached. That last point is what keeps
    `[x, x]` nested forty times from becoming 2**40 characters, comparisons or hashes inside
    one call that nothing could interrupt.
    """

    MAX_STEPS = 1_000_000
    MAX_DEPTH = 50
    MAX_BITS = 4096

    def __init__(self, ends: float, size: int = 0) -> None:
        self.ends = ends
        self.steps = self.MAX_STEPS + size
        self.most = 2_000_000 + 8 * size
        self.left = 32_000_000 + 256 * size
        self._known: dict[int, tuple[object, int, int]] = {}

    def tick(self) -> None:
        """Count one step of a loop or one call, and look at the clock."""
        self.steps -= 1
        if self.steps < 0:
            raise _Limit("it takes too many steps")
        if time.monotonic() > self.ends:
            raise _Limit("it runs for too long")

    def spend(self, weight: int) -> None:
        """Refuse one value that is too large, and all of them together when they are."""
        if weight > self.most:
            raise _Limit("it makes a text that is too large")
        self.left -= weight
        if self.left < 0:
            raise _Limit("it makes too much text")

    def made(self, value: T) -> T:
        """Account for a new value and hand it on."""
        weight, _ = self._measure(value)
        if weight > self.most:
            raise _Limit("it makes a value that is too large")
        self.spend(len(value) * 8 + 64 if isinstance(value, (list, tuple, dict)) else weight)
        return value

    def weigh(self, *values: object) -> int:
        """The weight of these values together."""
        weight = sum(self._measure(value)[0] for value in values)
        if weight > self.most:
            raise _Limit("it passes on values that are too large")
        return weight

    def _measure(self, value: object) -> tuple[int, int]:
        """Weight and depth; containers are remembered, and kept so that their id stays theirs."""
        if isinstance(value, str):
            return len(value), 0
        if isinstance(value, int):
            if value.bit_length() > self.MAX_BITS:
                raise _Limit("it makes a number that is too large")
            return 8, 0
        if not isinstance(value, (list, tuple, dict, set, frozenset)):
            return 64, 0
        known = self._known.get(id(value))
        if known is not None:
            return known[1], known[2]
        weight, depth = 64, 0
        parts: Iterable[object] = value
        if isinstance(value, dict):
            parts = [*value.keys(), *value.values()]
        for part in parts:
            more, below = self._measure(part)
            weight += 8 + more
            depth = max(depth, below)
            if weight > self.most or depth >= self.MAX_DEPTH:
                raise _Limit("it makes a value that is too large")
        self._known[id(value)] = (value, weight, depth + 1)
        return weight, depth + 1

    def collect(self, items: Iterable[T]) -> list[T]:
        """A list of what an iterable yields, stopped when it grows too large."""
        found: list[T] = []
        weight = 0
        for item in items:
            self.tick()
            weight += 8 + self._measure(item)[0]
            if weight > self.most:
                raise _Limit("it makes a list that is too large")
            found.append(item)
        return found

    def join(self, separator: str, items: Iterable[object]) -> str:
        """`separator.join`, with the size known before anything is copied."""
        parts = [str(item) for item in self.collect(items)]
        self.spend(sum(map(len, parts)) + len(separator) * len(parts))
        return separator.join(parts)


_WIDE_FIELD = re.compile(r"\d{4}")
_WIDE_FORMAT = re.compile(r"%[^a-zA-Z%]*(?:\d{4}|\*)")
_WIDE_ANYWHERE = re.compile(r"\d{4}|\*")


def _percent(budget: _Budget, text: str, values: Any) -> str:
    # After a %(name) any number could be a width, for a name may hold anything.
    wide = _WIDE_ANYWHERE if "%(" in text else _WIDE_FORMAT
    if wide.search(text):
        raise _Limit("it asks for a text field that is too wide")
    budget.spend(len(text) + text.count("%") * (budget.weigh(values) + 1000))
    return str(text % values)


def _replace(budget: _Budget, text: str, old: str, new: str, count: int = -1) -> str:
    found = text.count(old)
    found = found if count < 0 else min(count, found)
    budget.spend(len(text) + found * len(new))
    return text.replace(old, new, count)


def _width(width: int) -> int:
    if width > 1000:
        raise _Limit("it asks for a text field that is too wide")
    return width


def _multiply(budget: _Budget, left: Any, right: Any) -> Any:
    for value, times in ((left, right), (right, left)):
        if isinstance(value, (str, list, tuple)) and isinstance(times, int) and times > 0:
            budget.spend(budget.weigh(value) * times)
    return left * right


def _power(budget: _Budget, left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() * right > budget.MAX_BITS:
        raise _Limit("it makes a number that is too large")
    return left**right


_STR_METHODS = frozenset(dir(str)) - {"encode", "expandtabs", "format_map", "maketrans", "translate"}
_METHODS: dict[type, frozenset[str]] = {
    str: _STR_METHODS,
    dict: frozenset({"copy", "get", "items", "keys", "values"}),
    list: frozenset({"copy", "count", "index"}),
    tuple: frozenset({"count", "index"}),
}
"""The methods of plain values that a template may call."""


class _Format(SandboxedFormatter):
    """`str.format` whose field widths and total size are bounded."""

    def __init__(self, sandbox: _Sandbox) -> None:
        super().__init__(sandbox)
        self._budget = sandbox.budget

    def format_field(self, value: Any, format_spec: str) -> Any:
        if _WIDE_FIELD.search(format_spec):
            raise _Limit("it asks for a text field that is too wide")
        text = super().format_field(value, format_spec)
        self._budget.spend(len(text))
        return text


class _Code(CodeGenerator):
    """Jinja's compiler, with a hook wherever a template can spin or make something large."""

    def _hooked(self, hook: str, node: nodes.Expr, frame: Frame) -> None:
        self.write(f"environment.{hook}(")
        getattr(CodeGenerator, f"visit_{type(node).__name__}")(self, node, frame)
        self.write(")")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:
        self._hooked("made", node, frame)

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        self._hooked("made", node, frame)

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:
        if node.ctx == "load":
            self._hooked("made", node, frame)
        else:
            super().visit_Tuple(node, frame)

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        if isinstance(node.arg, nodes.Slice):
            self._hooked("made", node, frame)
        else:
            super().visit_Getitem(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.concatenated((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_For(self, node: nodes.For, frame: Frame) -> None:
        steps = nodes.EnvironmentAttribute("steps", lineno=node.lineno, environment=self.environment)
        node.iter = nodes.Call(
            steps, [node.iter], [], None, None, lineno=node.lineno, environment=self.environment
        )
        super().visit_For(node, frame)

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        if not isinstance(node, nodes.TemplateData):  # nothing is computed while compiling
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def _unsupported(self, node: nodes.Node, frame: Frame) -> NoReturn:
        self.fail(f"{type(node).__name__} is not supported in a chat template", node.lineno)

    visit_Include = visit_Import = visit_FromImport = visit_Extends = _unsupported
    visit_EvalContextModifier = visit_ScopedEvalContextModifier = _unsupported


class _Generation(Extension):
    """`{% generation %}` marks the answer for training; here it is only its body."""

    tags = {"generation"}  # noqa: RUF012 (the base class declares it so)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Names(Namespace):
    """A template's namespace, which never writes out what it holds (that could be endless)."""

    def __repr__(self) -> str:
        return "<namespace>"


class _Sandbox(ImmutableSandboxedEnvironment):
    """The environment of one template. `budget` is that of the render under way."""

    code_generator_class = _Code
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, budget: _Budget) -> None:
        self.budget = budget
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            finalize=self._finalize,
            extensions=[LoopControlExtension, _Generation],
        )
        self.concat = self._concat  # type: ignore[method-assign]
        self.globals = {
            "range": safe_range,
            "dict": dict,
            "namespace": _Names,
            "raise_exception": _raise_exception,
        }
        filters: dict[str, Any] = {name: DEFAULT_FILTERS[name] for name in _PLAIN_FILTERS} | _FILTERS
        self.filters = {name: self._counted(function) for name, function in filters.items()}
        tests: dict[str, Any] = dict(DEFAULT_TESTS)
        self.tests = {name: self._counted(function) for name, function in tests.items()}

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)  # also keeps Jinja's marks about the first argument
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.budget.tick()
            self.budget.weigh(*args, *kwargs.values())
            return self.budget.made(function(*args, **kwargs))

        return counted

    # The hooks that compiled templates call.

    def steps(self, items: Iterable[T]) -> Iterator[T]:
        """Iterate, counting steps: a template's only way to loop."""
        for item in items:
            self.budget.tick()
            yield item

    def made(self, value: T) -> T:
        """A list, tuple or dict that the template wrote down, or a slice."""
        return self.budget.made(value)

    def concatenated(self, values: Sequence[object]) -> str:
        """The `~` operator."""
        return self.budget.join("", values)

    def _concat(self, parts: Iterable[str]) -> str:
        found: list[str] = []
        size = 0
        for part in parts:
            size += len(part)
            if size > self.budget.most:
                raise _Limit("it makes a text that is too large")
            found.append(part)
        self.budget.spend(size)
        return "".join(found)

    def _finalize(self, value: object) -> object:
        if isinstance(value, str):
            return value
        text = str(value)
        self.budget.spend(len(text))
        return text

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The operators that can make something large."""
        budget = self.budget
        if operator == "*":
            value = _multiply(budget, left, right)
        elif operator == "**":
            value = _power(budget, left, right)
        elif operator == "%" and isinstance(left, str):
            value = _percent(budget, left, right)
        elif operator == "+":
            value = left + right
        else:
            value = left % right
        return budget.made(value)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Every call in a template: macros, globals and methods of values."""
        budget = self.budget
        budget.tick()
        budget.weigh(*args, *(value for name, value in kwargs.items() if name[0] != "_"))
        if isinstance(obj, LoopContext) and args:
            args = (self.steps(args[0]), *args[1:])
        elif isinstance(obj, BuiltinMethodType) and isinstance(obj.__self__, str):
            return budget.made(self._call_str(obj.__self__, obj.__name__, obj, args, kwargs))
        return budget.made(super().call(context, obj, *args, **kwargs))

    def _call_str(self, text: str, name: str, method: Any, args: Any, kwargs: Any) -> Any:
        kwargs = {key: value for key, value in kwargs.items() if key[0] != "_"}
        if name == "join":
            return self.budget.join(text, *args, **kwargs)
        if name == "replace":
            return _replace(self.budget, text, *args, **kwargs)
        if name in ("center", "ljust", "rjust", "zfill"):
            _width(*args[:1])
        return method(*args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` in its bounded form."""
        if not isinstance(value, BuiltinMethodType) or value.__name__ != "format":
            return None
        text = value.__self__
        if not isinstance(text, str):
            return None

        def bounded(*args: Any, **kwargs: Any) -> str:
            return _Format(self).vformat(text, args, kwargs)

        return bounded

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Known methods of plain values, public names of Jinja's own objects, nothing else."""
        if attr.startswith("_"):
            return False
        for kind, methods in _METHODS.items():
            if type(obj) is kind:
                return attr in methods
        return type(obj).__module__.startswith(("jinja2.", __name__)) and super().is_safe_attribute(
            obj, attr, value
        )

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Refuse at once, also where Jinja would only print nothing."""
        raise SecurityError(f"it reaches for {attribute!r} of a {type(obj).__name__}")


def _raise_exception(message: object) -> NoReturn:
    raise _Refusal(str(message)[:500])


# Filters that Jinja has, with no Markup (nothing here is HTML) and with their sizes bounded.


@pass_environment
def _do_join(environment: _Sandbox, value: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
    if attribute is not None:
        value = map(make_attrgetter(environment, attribute), value)
    return environment.budget.join(str(d), value)


@pass_environment
def _do_replace(environment: _Sandbox, s: object, old: str, new: str, count: int | None = None) -> str:
    return _replace(environment.budget, str(s), str(old), str(new), -1 if count is None else count)


@pass_environment
def _do_format(environment: _Sandbox, value: object, *args: Any, **kwargs: Any) -> str:
    return _percent(environment.budget, str(value), kwargs or args)


@pass_environment
def _do_indent(
    environment: _Sandbox, s: object, width: int | str = 4, first: bool = False, blank: bool = False
) -> str:
    text = str(s)
    pad = width if isinstance(width, str) else " " * _width(width)
    environment.budget.spend(len(text) + (len(text.splitlines()) + 1) * len(pad))
    return str(DEFAULT_FILTERS["indent"](text, pad, first, blank))


@pass_environment
def _do_list(environment: _Sandbox, value: Iterable[Any]) -> list[Any]:
    return environment.budget.collect(value)


def _do_center(value: object, width: int = 80) -> str:
    return str(value).center(_width(width))


def _do_batch(value: Iterable[Any], linecount: int, fill_with: object = None) -> Iterator[list[Any]]:
    batches: Iterator[list[Any]] = DEFAULT_FILTERS["batch"](value, _width(linecount), fill_with)
    return batches


def _do_round(value: float, precision: int = 0, method: Any = "common") -> float:
    return float(DEFAULT_FILTERS["round"](value, max(-300, min(precision, 300)), method))


def _do_tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    if indent is not None and (not isinstance(indent, int) or indent > 8):
        raise _Limit("it asks for a text field that is too wide")
    if separators is not None and max(map(len, separators)) > 8:
        raise _Limit("it asks for a text field that is too wide")
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _do_escape(value: object) -> str:
    return str(escape(str(value)))


# fmt: off
_PLAIN_FILTERS = (
    "abs", "attr", "capitalize", "count", "d", "default", "dictsort", "first", "float", "groupby", "int",
    "items", "last", "length", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "select",
    "selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "wordcount",
)
# fmt: on
_FILTERS: dict[str, Callable[..., Any]] = {
    "batch": _do_batch,
    "center": _do_center,
    "e": _do_escape,
    "escape": _do_escape,
    "format": _do_format,
    "indent": _do_indent,
    "join": _do_join,
    "list": _do_list,
    "replace": _do_replace,
    "round": _do_round,
    "safe": str,
    "tojson": _do_tojson,
}


def _reason(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it needs too much memory"
    if isinstance(error, TemplateSyntaxError):
        return f"line {error.lineno}: {error.message}"
    return str(error)[:500] or type(error).__name__


class Program:
    """A compiled template; `run` renders it with variables."""

    def __init__(self, source: str, ends: float) -> None:
        if len(source) > MAX_SOURCE or source.count("{{") + source.count("{%") > MAX_TAGS:
            raise TemplateLimit("it is too long")
        self._sandbox = _Sandbox(_Budget(ends, len(source)))
        self._source = source
        self._template = self._guarded(lambda: self._sandbox.from_string(source))

    def run(self, variables: dict[str, Any], *, size: int, ends: float) -> str:
        """Render. `size` is the number of characters in the variables, `ends` a monotonic time."""
        self._sandbox.budget = _Budget(ends, size + len(self._source))
        return self._guarded(lambda: self._sandbox._concat(self._template.generate(**variables)))

    @staticmethod
    def _guarded(work: Callable[[], T]) -> T:
        try:
            return work()
        except (_Limit, SecurityError, RecursionError, MemoryError) as error:
            reason = _reason(error)
            kind: type[TemplateError] = TemplateLimit
        # A template can provoke any error of Python: a wrong type, a missing key, a division by zero.
        except Exception as error:
            reason = _reason(error)
            kind = TemplateError
        # Raised out here so that the error does not carry the frames, and the values, of the render.
        raise kind(reason)
