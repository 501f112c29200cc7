"""Models on the hub: what a search finds, what a repository offers, its card, and headers read from afar.

The only file that imports huggingface_hub. Its requests, like all others, go out through `Network`,
and none of its own retries, waits, tokens or redirects to other hubs take part: see `_Errand`. What the
hub answers is believed no further than its types, its lengths and its characters.
"""

from __future__ import annotations

import io
import os
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from models.download import RemoteFile
from models.errors import UserError, sentence
from models.gguf import TENSOR_TYPES, GGUFError, GGUFHeader, printable, read_header
from models.network import HUB, Network

if TYPE_CHECKING:  # both are slow to import, and most starts of the app never go out
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

MAX_ANSWER = 8 << 20
"""Bytes of one answer of the hub's API."""
MAX_CARD = 1 << 20
MAX_REMOTE_HEADER = 64 << 20
"""Bytes fetched of one file for its header; the largest real ones are near 30 MB."""
MAX_FILES = 10_000
MAX_FOUND = 200
MAX_REQUESTS = 30
"""Requests of one errand; lists come in pages of hundreds."""
MAX_SHARDS = 1000
ERRAND_S = 120.0
"""Seconds after which an errand is given up, however lively the line is."""

Sort = Literal["downloads", "likes", "date", "trending"]
Quality = Literal["lossless", "tiny_loss", "small_loss", "noticeable_loss", "large_loss", ""]
"""What quantizing costs; "" when unknown."""

_SORTS = {"downloads": "downloads", "likes": "likes", "date": "last_modified", "trending": "trending_score"}
_WANTED = ["downloads", "likes", "lastModified", "gguf", "gated", "tags", "pipeline_tag"]

_REPO = re.compile(r"(?!.*(\.\.|--))[A-Za-z0-9_][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SHARD = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<total>\d{5})", re.IGNORECASE)
_QUANTIZATION = re.compile(
    r"(?<![a-z0-9])(?:(?P<dynamic>UD)[-_.])?(?P<type>(?:I|T)?Q\d(?:_(?:\d+|K|[SML]|X{0,2}[SL]|NL|K[STL]|KSS|R\d))*"
    r"|BF16|FP?16|FP?32|(?:MX|NV)FP4(?:_MOE)?)(?![a-z0-9])",
    re.IGNORECASE,
)
_NO_PUBLISHERS = {
    "api", "blog", "collections", "datasets", "docs", "kernels", "models", "organizations", "papers", "posts",
    "settings", "spaces", "tasks",
}  # fmt: skip
_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)
_NO_MODEL = re.compile(r"imatrix|(?<![a-z])lora(?![a-z])|adapter|control[-_]vector|ggml-vocab", re.IGNORECASE)

BITS: Mapping[str, float] = {
    "IQ1_S": 2.00, "IQ1_M": 2.15, "IQ2_XXS": 2.38, "IQ2_XS": 2.59, "IQ2_S": 2.74, "IQ2_M": 2.93,
    "IQ3_XXS": 3.25, "IQ3_XS": 3.50, "IQ3_S": 3.66, "IQ3_M": 3.76, "IQ4_XS": 4.46, "IQ4_NL": 4.68,
    "Q2_K_S": 2.97, "Q2_K": 3.16, "Q3_K_S": 3.64, "Q3_K_M": 4.00, "Q3_K_L": 4.30, "Q4_K_S": 4.67,
    "Q4_K_M": 4.89, "Q5_K_S": 5.57, "Q5_K_M": 5.70, "Q6_K": 6.56, "Q8_0": 8.50, "F16": 16.0,
}  # fmt: skip
"""Bits a weight takes in a whole file, measured with Llama 3.1 8B: the table of llama.cpp's
tools/quantize/README.md (Q3_K_M, missing there, lies between its neighbours)."""

_BITS_OF_TYPES = {name: size * 8 / block for name, block, size in TENSOR_TYPES.values()}

_T = TypeVar("_T")


@dataclass(frozen=True)
class Found:
    """A repository of GGUF models, as a search tells of it.

    Attributes:
        updated: of the last commit. downloads: of the last 30 days.
        parameters, context_length: 0 when unknown. architecture, license: "" when unknown.
        gated: "" for everyone, "auto" or "manual" when access is granted on request.
        capabilities: those known of chat, base, embedding, rerank, vision, tools, thinking.
    """

    repo: str
    downloads: int = 0
    likes: int = 0
    updated: datetime | None = None
    parameters: int = 0
    context_length: int = 0
    architecture: str = ""
    license: str = ""
    gated: str = ""
    capabilities: tuple[str, ...] = ()

    @property
    def publisher(self) -> str:
        """Who published it."""
        return self.repo.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name without the publisher's."""
        return self.repo.partition("/")[2]

    @property
    def page(self) -> str:
        """The address of its page, where access is asked for as well."""
        return f"{HUB}/{self.repo}"


@dataclass(frozen=True)
class Offer:
    """One model of a repository: a file, or all of its shards in order.

    Attributes:
        name: of the file, without quantization and number.
        quantization: in capitals, such as "Q4_K_M" or "UD-Q4_K_XL"; "" when the name does not tell.
        projector: the image part (mmproj) that belongs to it, if there is one.
        recommended: the one to take when nothing speaks for another; one of a repository.
    """

    name: str
    quantization: str
    files: tuple[RemoteFile, ...]
    projector: RemoteFile | None = None
    recommended: bool = False

    @property
    def size(self) -> int:
        """Bytes of its files together, the projector not among them."""
        return sum(file.size for file in self.files)

    @property
    def quality(self) -> Quality:
        """What its quantization costs."""
        return quality(self.quantization)

    @property
    def with_projector(self) -> tuple[RemoteFile, ...]:
        """All files that belong to it."""
        return self.files + ((self.projector,) if self.projector else ())


@dataclass(frozen=True)
class Repository(Found):
    """A repository with its files at one commit.

    Attributes:
        revision: the commit, so that what was looked at is what will be downloaded.
        offers: its models, small to large. projectors: image parts, the usual choice first.
        left_out: GGUF files that are none of these: imatrix, adapters, shards without the others.
    """

    revision: str = ""
    offers: tuple[Offer, ...] = ()
    projectors: tuple[RemoteFile, ...] = ()
    left_out: int = 0

    def choose(self, wanted: str = "") -> Offer:
        """The offer of this file name, path or quantization; "" for the recommended one.

        Raises UserError that lists what there is.
        """
        if not self.offers:
            raise UserError(
                "{repo} has no GGUF model.",
                hint="Look for a repository of the same model with GGUF in its name.",
                code="no_model",
                repo=self.repo,
            )
        found = [offer for offer in self.offers if offer.recommended] if not wanted.strip() else []
        for answers in (_paths, _quantizations, _plain_quantizations):
            found = found or [offer for offer in self.offers if wanted.strip().casefold() in answers(offer)]
        if len(found) == 1:
            return found[0]
        raise UserError(
            sentence("{repo} has more than one {wanted}.") if found else sentence("{repo} has no {wanted}."),
            hint="Choose one of these: {choices}.",
            code="several" if found else "not_found",
            repo=self.repo,
            wanted=_line(wanted),
            choices=", ".join(_choices(found or self.offers)),
        )


@dataclass(frozen=True)
class Address:
    """Where something that was pasted leads: a repository, and maybe one file or quantization of it."""

    repo: str
    revision: str = "main"
    path: str = ""
    quantization: str = ""

    @property
    def wanted(self) -> str:
        """What `Repository.choose` is to be asked for."""
        return self.path or self.quantization


class Hub:
    """The hub that the settings name. Every method but `resolve` goes out, and raises UserError.

    Their codes: offline, no_network, timeout, broken_line, bad_certificate, hub_down, rate_limited,
    needs_token, gated, not_found, refused, bad_answer, bad_address.
    """

    def __init__(self, network: Network) -> None:
        self.network = network

    def search(
        self,
        words: str,
        *,
        sort: Sort = "downloads",
        limit: int = 30,
        min_parameters: int | None = None,
        max_parameters: int | None = None,
    ) -> list[Found]:
        """Repositories with GGUF models that have these words in their names, the first ones first."""
        limits = [("min", min_parameters), ("max", max_parameters)]
        within = ",".join(f"{end}:{number / 1e9:.6f}B" for end, number in limits if number is not None)
        limit = max(1, min(limit, MAX_FOUND))

        def ask(api: HfApi) -> list[Found]:
            answer = api.list_models(
                search=_line(words) or None,
                filter="gguf",
                sort=_SORTS[sort],  # type: ignore[arg-type]
                limit=limit,
                expand=_WANTED,  # type: ignore[arg-type]
                num_parameters=within or None,
            )
            return [found for info in answer if (found := _found(info)) is not None]

        found = self._ask("Searching models", "", ask)
        return [one for one in found if _within(one.parameters, min_parameters, max_parameters)]

    def repository(self, repo: str, revision: str = "main") -> Repository:
        """What a repository offers."""
        _check_address(repo, revision)

        def ask(api: HfApi) -> Repository:
            info = api.model_info(repo, revision=revision, files_metadata=True)
            found = _found(info)
            if found is None or not isinstance(info.sha, str) or not _COMMIT.fullmatch(info.sha):
                raise ValueError("no name or no commit")
            return _repository(found, info.sha, _files(info, found.repo))

        return self._ask("Looking at a model", repo, ask)

    def card(self, repo: str, revision: str = "main") -> str:
        """The model card: Markdown without its front matter, at most `MAX_CARD` bytes; "" for none."""
        _check_address(repo, revision)
        with self._errand("Reading a model card", repo) as errand:
            try:
                card = errand.read(errand.file(repo, revision, "README.md"), MAX_CARD, cut=True).content
            except UserError as error:
                if error.code != "not_found":
                    raise
                card = b""
        return _without_front_matter(card.decode("utf-8", "replace"))

    def header(self, file: RemoteFile) -> GGUFHeader:
        """The header of a file, read without downloading the rest; raises GGUFError as well."""
        _check_address(file.repo, file.revision, file.path)
        with (
            self._errand("Reading the header of a model", file.repo) as errand,
            io.BufferedReader(_RemoteStart(errand, file)) as start,
        ):
            try:
                return read_header(start)
            except GGUFError as error:
                named = error.params | {"file": _line(_name(file))}
                raise GGUFError(error.template, hint=error.hint, code=error.code, **named) from error

    def whoami(self) -> str:
        """The name of the account that the token belongs to."""
        token = self._token()
        if not token:
            raise UserError(
                "There is no token.",
                hint="Make one on {page} and enter it in the settings.",
                code="needs_token",
                page=f"{HUB}/settings/tokens",
            )

        def ask(api: HfApi) -> str:
            name = _line(api.whoami(token=token).get("name"))
            if not name:
                raise ValueError("no name")
            return name

        return self._ask("Checking the token", "", ask)

    def resolve(self, text: str) -> Address | None:
        """Where pasted text leads; None for text that is no address, such as words to search for.

        Raises UserError for an address of something else than a model on the hub.
        """
        text = text.strip()
        if len(text) > 2000 or not text.isprintable() or any(c.isspace() for c in text):
            return None
        hosts = {
            "huggingface.co",
            "www.huggingface.co",
            "hf.co",
            urlsplit(self.network.endpoint).netloc.lower(),
        }
        try:
            url = urlsplit(text if "://" in text else f"//{text}")
        except ValueError:
            return None
        if "://" not in text and url.netloc.lower() not in hosts:
            return _address(text.split("/"), short=True)
        if url.scheme not in ("", "http", "https") or url.netloc.lower() not in hosts:
            raise _no_model_page(text)
        address = _address([unquote(part) for part in url.path.strip("/").split("/")])
        if address is None:
            raise _no_model_page(text)
        return replace(address, path=address.path or _shown_file(url))

    # ------------------------------------------------------------ going out

    def _ask(self, reason: str, repo: str, ask: Callable[[HfApi], _T]) -> _T:
        """Let the real client do its part; whatever an answer that lies makes of it is a UserError."""
        import httpx2

        lies = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
        with self._errand(reason, repo) as errand:
            present = _present.set(errand)
            try:
                return ask(_client()(endpoint=self.network.endpoint, token=False))
            except (*lies, httpx2.HTTPError, httpx2.InvalidURL) as error:
                raise _bad_answer(errand.host) from error
            finally:
                _present.reset(present)

    @contextmanager
    def _errand(self, reason: str, repo: str) -> Iterator[_Errand]:
        endpoint = self.network.endpoint
        with self.network.errand(reason) as client:
            yield _Errand(client, endpoint, self._token(), repo)

    def _token(self) -> str:
        token = self.network.token.strip()
        if not re.fullmatch(r"[!-~]*", token):
            raise UserError(
                "The token has characters that no token has.",
                hint="Copy it again, and enter it in the settings.",
                code="needs_token",
            )
        return token


# ---------------------------------------------------------------- quantizations


def quantization(path: str) -> str:
    """The quantization that the name of a file tells, else that of its folder; "" for none."""
    for part in reversed(path.split("/")):
        if found := list(_QUANTIZATION.finditer(_stem(part))):
            kind = found[-1]["type"].upper().replace("FP16", "F16").replace("FP32", "F32")
            return f"UD-{kind}" if found[-1]["dynamic"] else kind
    return ""


def bits_per_weight(quantization: str) -> float:
    """Bits that a weight takes on average; 0 when unknown."""
    kind = quantization.upper().removeprefix("UD-")
    if kind not in BITS:
        kind = re.sub(r"_K_X?L$", "_K_M", kind)  # the same with more left in Q8_0
    while kind:
        if bits := BITS.get(kind) or _BITS_OF_TYPES.get(kind):
            return bits
        kind = kind.rpartition("_")[0]
    return 0.0


def quality(quantization: str) -> Quality:
    """What a quantization costs, in one word.

    After the perplexity that llama.cpp's `llama-quantize --help` says each adds to Llama 3 8B: 0.1 or
    less for Q5_K and more bits, 0.2 for Q4_K_M, 0.7 for Q3_K_M, 3.5 for Q2_K.
    """
    bits = bits_per_weight(quantization)
    if quantization.upper().startswith("MXFP4"):
        return "tiny_loss"  # most such models were trained in it
    steps: list[tuple[float, Quality]] = [
        (15.0, "lossless"), (6.0, "tiny_loss"), (4.4, "small_loss"), (3.6, "noticeable_loss"),
        (0.1, "large_loss"),
    ]  # fmt: skip
    return next((word for least, word in steps if bits >= least), "")


# ---------------------------------------------------------------- answers


def _found(info: ModelInfo) -> Found | None:
    """What is told of a repository; None for one whose name cannot be."""
    if not isinstance(info.id, str) or not _REPO.fullmatch(info.id):
        return None
    gguf: dict[Any, Any] = info.gguf if isinstance(info.gguf, dict) else {}
    tags = [tag for tag in info.tags[:500] if isinstance(tag, str)] if isinstance(info.tags, list) else []
    updated = info.last_modified
    return Found(
        repo=info.id,
        downloads=_count(info.downloads),
        likes=_count(info.likes),
        updated=updated if updated and 2000 < updated.year < 9000 else None,
        parameters=_count(gguf.get("total")),
        context_length=_count(gguf.get("context_length")),
        architecture=_line(gguf.get("architecture")),
        license=_license(tags, info.card_data),
        gated=info.gated if info.gated in ("auto", "manual") else "",
        capabilities=_capabilities(tags, info.pipeline_tag, gguf),
    )


def _license(tags: Sequence[str], card: object) -> str:
    """The license's key, or the name that its makers gave a license of their own."""
    key = next((_line(tag[8:]) for tag in tags if tag.startswith("license:")), "")
    return (_line(getattr(card, "license_name", "")) or key) if key == "other" else key


def _capabilities(tags: Sequence[str], task: object, gguf: Mapping[Any, Any]) -> tuple[str, ...]:
    from models.templates import thinking_style  # here, since it brings Jinja

    told = gguf.get("chat_template")
    template = told if isinstance(told, str) else ""
    embeds = task in ("feature-extraction", "sentence-similarity")
    ranks = task == "text-ranking"
    chats = not embeds and not ranks and bool(template or "conversational" in tags)
    known = {
        "chat": chats,
        "base": bool(gguf) and task == "text-generation" and not chats,
        "embedding": embeds,
        "rerank": ranks,
        "vision": task in ("image-text-to-text", "any-to-any", "visual-question-answering"),
        "tools": chats and re.search(r"\btools\b", template) is not None,
        "thinking": chats and thinking_style(template) is not None,
    }
    return tuple(name for name, does in known.items() if does)


def _files(info: ModelInfo, repo: str) -> list[RemoteFile]:
    """The GGUF files of a repository by path; what has no usable name or size is left out."""
    files: dict[str, RemoteFile] = {}
    for sibling in (info.siblings or [])[:MAX_FILES]:
        path, lfs = sibling.rfilename, sibling.lfs
        size = _count(lfs.size if lfs else sibling.size)
        if size and _is_safe(path) and path.lower().endswith(".gguf"):
            sha256 = lfs.sha256 if lfs and isinstance(lfs.sha256, str) else ""
            if not _SHA256.fullmatch(sha256):
                sha256 = ""
            files[path] = RemoteFile(repo=repo, revision=str(info.sha), path=path, size=size, sha256=sha256)
    return sorted(files.values(), key=lambda file: file.path)


def _repository(found: Found, revision: str, files: Sequence[RemoteFile]) -> Repository:
    """Put shards together, and tell models from what belongs to them."""
    sets: dict[tuple[str, int], list[RemoteFile]] = {}
    projectors = [file for file in files if _PROJECTOR.search(_name(file))]
    for file in files:
        if not _PROJECTOR.search(_name(file)) and not _NO_MODEL.search(_name(file)):
            shard = _SHARD.fullmatch(file.path[:-5])
            key = (shard["name"], int(shard["total"])) if shard else (file.path, 1)
            sets.setdefault(key, []).append(file)
    whole = [tuple(parts) for (_, total), parts in sets.items() if total == len(parts) and _in_order(parts)]
    projectors.sort(key=_projector_rank)
    offers = sorted((_offer(parts, projectors) for parts in whole), key=lambda o: (o.size, o.name))
    if offers:
        best = min(range(len(offers)), key=lambda n: _distance(offers[n], found.parameters))
        offers[best] = replace(offers[best], recommended=True)
    if projectors and "vision" not in found.capabilities:
        found = replace(found, capabilities=(*found.capabilities, "vision"))
    used = sum(len(parts) for parts in whole) + len(projectors)
    return Repository(
        **vars(found),
        revision=revision,
        offers=tuple(offers),
        projectors=tuple(projectors),
        left_out=len(files) - used,
    )


def _in_order(parts: Sequence[RemoteFile]) -> bool:
    """Whether shards are numbered from one to the last; they are sorted by path."""
    if len(parts) > MAX_SHARDS:
        return False
    shards = [_SHARD.fullmatch(part.path[:-5]) for part in parts]
    return all(shard is None or int(shard["number"]) == n for n, shard in enumerate(shards, 1))


def _offer(parts: tuple[RemoteFile, ...], projectors: Sequence[RemoteFile]) -> Offer:
    kind = quantization(parts[0].path)
    stem = _stem(_name(parts[0]))
    found = list(_QUANTIZATION.finditer(stem))
    name = stem[: found[-1].start()].rstrip("-_. ") if found else stem
    folder = parts[0].path.rpartition("/")[0]
    near = [file for file in projectors if file.path.rpartition("/")[0] == folder]
    return Offer(
        name=name or _name_of_repo(parts[0].repo),
        quantization=kind,
        files=parts,
        projector=next(iter(near or projectors), None),
    )


def _distance(offer: Offer, parameters: int) -> float:
    """How far an offer is from the usual choice; small models suffer more from few bits."""
    usual = BITS["Q8_0"] if 0 < parameters <= 1_000_000_000 else BITS["Q4_K_M"]
    return abs((bits_per_weight(offer.quantization) or 1000.0) - usual)


def _projector_rank(file: RemoteFile) -> tuple[int, str]:
    """F16 first: it runs everywhere, and a projector is small."""
    order = ["F16", "BF16", "Q8_0", "F32"]
    kind = quantization(file.path)
    return order.index(kind) if kind in order else len(order), file.path


def _paths(offer: Offer) -> set[str]:
    """The names that an offer goes by: paths, file names, and those without number or ending."""
    paths = [file.path.casefold() for file in offer.files]
    names = paths + [path.rpartition("/")[2] for path in paths]
    return {*names, *(name.removesuffix(".gguf") for name in names), *map(_stem, names)}


def _quantizations(offer: Offer) -> set[str]:
    return {offer.quantization.casefold()} - {""}


def _plain_quantizations(offer: Offer) -> set[str]:
    return {offer.quantization.casefold().removeprefix("ud-")} - {""}


def _choices(offers: Sequence[Offer]) -> list[str]:
    """A word for each offer that means it alone."""
    kinds = Counter(offer.quantization for offer in offers)
    return [
        offer.quantization
        if offer.quantization and kinds[offer.quantization] == 1
        else _line(offer.files[0].path)
        for offer in offers[:40]
    ]


def _within(parameters: int, least: int | None, most: int | None) -> bool:
    """Whether a number of parameters is within limits, as far as it is known."""
    return not parameters or ((least or 0) <= parameters <= (most if most is not None else parameters))


def _without_front_matter(card: str) -> str:
    card = card.removeprefix("\ufeff").replace("\r\n", "\n")
    matter = re.match(r"---[ \t]*\n(.*?\n)??---[ \t]*(\n|$)", card, re.DOTALL)
    return card[matter.end() :].lstrip("\n") if matter else card


def _count(value: object) -> int:
    """A whole number that can be, else 0."""
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value < 1 << 53 else 0


def _line(value: object) -> str:
    """A text as one short printable line; "" for anything else."""
    return printable(" ".join(value[:1000].split()))[:200] if isinstance(value, str) else ""


def _name(file: RemoteFile) -> str:
    return file.path.rpartition("/")[2]


def _name_of_repo(repo: str) -> str:
    return re.sub(r"[-_.]?gguf$", "", repo.partition("/")[2], flags=re.IGNORECASE)


def _stem(name: str) -> str:
    """The name of a file without its ending and the number of a shard."""
    stem = name[:-5] if name.lower().endswith(".gguf") else name
    shard = _SHARD.fullmatch(stem)
    return shard["name"] if shard else stem


# ---------------------------------------------------------------- addresses


def _address(parts: Sequence[str], *, short: bool = False) -> Address | None:
    """The address in the parts of a path; `short` is one without a host: owner/repo, owner/repo/file."""
    if len(parts) < 2 or parts[0] in _NO_PUBLISHERS:
        return None
    name, _, kind = parts[1].partition(":")
    repo, rest = f"{parts[0]}/{name}", list(parts[2:])
    revision = "main"
    if rest and rest[0] in ("tree", "blob", "resolve", "raw") and len(rest) > 1:
        revision, rest = rest[1], rest[2:]
    elif rest and not short:
        rest = []  # discussions, commits and the like
    path = "/".join(rest)
    is_file = path.lower().endswith(".gguf")
    try:
        _check_address(repo, revision, path)
    except UserError:
        return None
    if short and rest and not is_file:
        return None
    kind = "" if kind.lower() == "latest" else _line(kind)
    return Address(repo, revision, path if is_file else "", kind or ("" if is_file else quantization(path)))


def _shown_file(url: SplitResult) -> str:
    """The file whose details a page shows, as in "?show_file_info=model-Q4_K_M.gguf"."""
    try:
        path = parse_qs(url.query).get("show_file_info", [""])[0]
    except ValueError:
        return ""
    return path if _is_safe(path) and path.lower().endswith(".gguf") else ""


def _is_safe(path: object) -> bool:
    """Whether a path inside a repository is one: relative, printable, without steps upward."""
    if not isinstance(path, str) or not 0 < len(path) <= 500 or not path.isprintable() or "\\" in path:
        return False
    return all(part not in ("", ".", "..") for part in path.split("/"))


def _check_address(repo: str, revision: str, path: str = "README.md") -> None:
    """Raise UserError for what cannot be the name of a repository, a revision or a file."""
    if (
        not _REPO.fullmatch(repo)
        or not _is_safe(revision)
        or len(revision) > 200
        or (path and not _is_safe(path))
    ):
        raise UserError(
            "This is no address of a model: {address}.",
            hint="A model's address is like publisher/name.",
            code="bad_address",
            address=_line("/".join(part for part in (repo, path) if part != "README.md")),
        )


def _no_model_page(text: str) -> UserError:
    return UserError(
        "This is no page of a model on the hub: {address}.",
        hint="Paste the address of a model's page, such as {hub}/publisher/name.",
        code="bad_address",
        address=_line(text),
        hub=HUB,
    )


# ---------------------------------------------------------------- the line


class _Errand:
    """The requests of one errand: to the hub alone, each bounded, each failure told in plain words.

    Attributes:
        host: the hub's, for messages. repo: what is asked about, "" when it is none.
    """

    def __init__(self, client: httpx2.Client, endpoint: str, token: str, repo: str) -> None:
        import httpx2

        self._client, self._endpoint, self._token = client, httpx2.URL(endpoint), token
        self.repo, self.host = repo, self._endpoint.host
        self._ends = time.monotonic() + ERRAND_S
        self._asked: set[str] = set()

    def file(self, repo: str, revision: str, path: str) -> str:
        """The address of a file's bytes."""
        return f"{self._endpoint}".rstrip("/") + f"/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"

    @contextmanager
    def open(self, url: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """A good answer whose body is still to be read."""
        import httpx2

        if time.monotonic() > self._ends:
            raise _timeout(self.host)
        try:
            address = self._at_hub(httpx2.URL(url))
            headers = dict(headers) | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
            with self._client.stream("GET", address, headers=headers) as response:
                if response.status_code not in (200, 206):
                    raise _refusal(response, self.repo, self.host, bool(self._token))
                yield response
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            raise _broken(error, self.host) from error

    def pieces(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """What arrives, until the errand has taken too long."""
        for piece in pieces:
            if time.monotonic() > self._ends:
                raise _timeout(self.host)
            yield piece

    def read(self, url: str, most: int, *, cut: bool = False) -> httpx2.Response:
        """An answer with its body of at most `most` bytes; a longer one is cut off, or no answer at all."""
        import httpx2

        with self.open(url, {"Accept-Encoding": "gzip"}) as response:
            # Other encodings may make gigabytes of a few bytes.
            if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", "gzip"):
                raise _bad_answer(self.host)
            body = bytearray()
            for piece in self.pieces(response.iter_bytes()):
                body += piece
                if len(body) > most:
                    break
            if len(body) > most and not cut:
                raise _bad_answer(self.host)
            # Of the headers only the next page: others would be logged, or decoded a second time.
            links = {"Link": response.headers["Link"]} if "Link" in response.headers else {}
            return httpx2.Response(200, headers=links, content=bytes(body[:most]))

    def _at_hub(self, url: httpx2.URL) -> httpx2.URL:
        """The address to ask; mirrors pass on answers whose links lead to the hub itself."""
        import httpx2

        if url.origin == httpx2.URL(HUB).origin:
            url = url.copy_with(scheme=self._endpoint.scheme, netloc=self._endpoint.netloc)
        if url.origin != self._endpoint.origin or str(url) in self._asked or len(self._asked) >= MAX_REQUESTS:
            raise _bad_answer(self.host)
        self._asked.add(str(url))
        return url


class _RemoteStart(io.RawIOBase):
    """A remote file as a stream, for reading its first part in order: one request, as much as is read.

    What has arrived is kept, so that a reader may go back; a server that ignores ranges costs no more.
    """

    def __init__(self, errand: _Errand, file: RemoteFile) -> None:
        self._errand, self._file = errand, file
        self._size = file.size
        self._kept = bytearray()
        self._at = 0
        self._pieces = self._arriving()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end > MAX_REMOTE_HEADER:
            raise _bad_answer(self._errand.host)
        while len(self._kept) < end:
            piece = next(self._pieces, b"")
            if not piece:
                raise _broken(None, self._errand.host)
            self._kept += piece
        count = max(0, end - self._at)
        buffer[:count] = self._kept[self._at : self._at + count]
        self._at += count
        return count

    def close(self) -> None:
        self._pieces.close()
        super().close()

    def _arriving(self) -> Generator[bytes]:
        file = self._file
        wanted = {"Range": f"bytes=0-{MAX_REMOTE_HEADER - 1}", "Accept-Encoding": "identity"}
        with self._errand.open(self._errand.file(file.repo, file.revision, file.path), wanted) as response:
            ranged = re.fullmatch(r"bytes 0-\d+/(\d+)", response.headers.get("Content-Range", ""))
            total = ranged[1] if ranged else response.headers.get("Content-Length", "")
            if (response.status_code == 206 and not ranged) or (total and total != str(self._size)):
                raise _bad_answer(self._errand.host)
            yield from self._errand.pieces(response.iter_raw())


_present: ContextVar[_Errand | None] = ContextVar("errand", default=None)
"""The errand that the real client is on: it keeps one HTTP client for all that it does."""

_preparing = threading.Lock()

_ENVIRONMENT = {
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_VERBOSITY": "critical",  # it logs what servers say
}
_LEFT_OUT = (
    "HF_ENDPOINT", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_CO_STAGING", "HF_DEBUG",
    "HF_HUB_OFFLINE", "HF_HUB_USER_AGENT_ORIGIN", "HF_HUB_ENABLE_HF_TRANSFER", "HF_HUB_ETAG_TIMEOUT",
    "HF_HUB_DOWNLOAD_TIMEOUT",
)  # fmt: skip


def _client() -> type[HfApi]:
    """The real client, with its requests led to the present errand."""
    with _preparing:
        return _prepared()


@cache
def _prepared() -> type[HfApi]:
    for name in _LEFT_OUT:  # it reads its environment when it is imported
        os.environ.pop(name, None)
    os.environ.update(_ENVIRONMENT)
    import httpx2
    from huggingface_hub import HfApi, set_client_factory

    # This kind of transport, made for tests, is one that calls a function.
    set_client_factory(lambda: httpx2.Client(transport=httpx2.MockTransport(_on_errand), trust_env=False))
    return HfApi


def _on_errand(request: httpx2.Request) -> httpx2.Response:
    """Answer a request of the real client; of all it says only the address goes out.

    Failures leave here as UserError, which it passes on, where others make it wait and try again.
    """
    errand = _present.get()
    if errand is None or request.method != "GET":
        raise RuntimeError(f"a request on no errand: {request.method} {request.url}")
    return errand.read(str(request.url), MAX_ANSWER)


# ---------------------------------------------------------------- failures


def _refusal(response: httpx2.Response, repo: str, host: str, has_token: bool) -> UserError:
    """The error for a status that is none of success."""
    status, code = response.status_code, response.headers.get("X-Error-Code", "")
    if code == "GatedRepo":
        return _gated(repo, has_token)
    if status == 429:
        return _rate_limited(response.headers)
    if status >= 500:
        return UserError(
            "The hub cannot answer at the moment ({host}, {status}).",
            hint="Try again later, or use a mirror.",
            code="hub_down",
            host=host,
            status=status,
        )
    if status == 401 and has_token:
        return UserError(
            "The hub does not accept your token.",
            hint="Enter a new one in the settings, or remove it.",
            code="needs_token",
        )
    if not repo or status < 400 or status == 416:
        return _bad_answer(host)
    if status in (401, 404):
        return _not_found(repo, code, status)
    return UserError(
        "The hub refuses to give {repo} ({status}).",
        hint="Look at its page, {page}.",
        code="refused",
        repo=repo,
        status=status,
        page=f"{HUB}/{repo}",
    )


def _not_found(repo: str, code: str, status: int) -> UserError:
    if code in ("EntryNotFound", "RevisionNotFound"):
        return UserError(
            "{repo} does not have this file, or not in this version.",
            hint="Look at its page, {page}.",
            code="not_found",
            repo=repo,
            page=f"{HUB}/{repo}",
        )
    return UserError(
        "There is no {repo} on the hub, or it is private.",
        hint="Check the name. If it is private, enter your token in the settings.",
        code="needs_token" if status == 401 else "not_found",
        repo=repo,
    )


def _gated(repo: str, has_token: bool) -> UserError:
    with_token = sentence("Ask for access on its page, {page}, and try again when it is granted.")
    without = sentence("Ask for access on its page, {page}, then enter your token in the settings.")
    return UserError(
        "{repo} is only for people whom its publisher has given access.",
        hint=with_token if has_token else without,
        code="gated",
        repo=repo,
        page=f"{HUB}/{repo}",
    )


def _rate_limited(headers: Mapping[str, str]) -> UserError:
    """The error for too many requests; `seconds` to wait, 60 when the hub does not say."""
    limit = re.search(r"\br=0;\s*t=(\d{1,6})\b", headers.get("RateLimit", ""))
    after = re.fullmatch(r"\s*(\d{1,6})\s*", headers.get("Retry-After", ""))
    asked = after or limit
    return UserError(
        "The hub asks for a pause of {seconds} seconds.",
        hint="Try again after it. With a token in the settings, the hub allows more.",
        code="rate_limited",
        seconds=min(int(asked[1]), 86_400) if asked else 60,
    )


def _broken(error: Exception | None, host: str) -> UserError:
    """The error for a line that cannot be had, or that broke."""
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return _timeout(host)
    if isinstance(error, httpx2.ProxyError):
        return UserError(
            "The proxy does not let the app through to {host}.",
            hint="Check the proxy in the settings.",
            code="no_network",
            host=host,
        )
    if _is_certificate(error):
        return UserError(
            "{host} cannot prove that it is the hub: its certificate is not good.",
            hint="Check the clock of this computer, and whether something on the way looks into connections.",
            code="bad_certificate",
            host=host,
        )
    if isinstance(error, httpx2.ConnectError):
        return UserError(
            "{host} cannot be reached.",
            hint="Check the connection, and the proxy in the settings. If the hub is blocked, use a mirror.",
            code="no_network",
            host=host,
        )
    if error is None or isinstance(error, (httpx2.NetworkError, httpx2.RemoteProtocolError)):
        return UserError("The line to {host} broke.", hint="Try again.", code="broken_line", host=host)
    return _bad_answer(host)


def _is_certificate(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _timeout(host: str) -> UserError:
    return UserError(
        "{host} takes too long to answer.",
        hint="Try again, or use a mirror.",
        code="timeout",
        host=host,
    )


def _bad_answer(host: str) -> UserError:
    return UserError(
        "The answer of {host} makes no sense.",
        hint="Try again later. If it is a mirror, check its address in the settings.",
        code="bad_answer",
        host=host,
    )
