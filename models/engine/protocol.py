"""What an engine is told and what it answers: typed, frozen, versioned messages.

Commands travel from the app to the engine's process, events travel back. Every event about a
request carries the request's `id`. The encoding is MessagePack; see `encode` and `decode_*`.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from models.errors import EngineError, RolltopError, UserError, sentence

VERSION = 2

Role = Literal["system", "user", "assistant"]
Mode = Literal["fast", "exact"]
FinishReason = Literal["stop", "length", "context", "cancelled"]
"""stop: the model or a stop string ended it. length: max_tokens. context: the context is full."""

GPU_KINDS = ("GPU", "IGPU")
"""Kinds of devices that layers are put on."""

NO_GPU_BACKENDS = {"cpu", "blas"}
"""Backends that use no graphics card, in small letters."""


GGML_LIBRARY = re.compile(r"(?:lib)?ggml-(?!base)([a-z]+)")
"""Name of a library of ggml; the group is the backend in it."""


class Struct(msgspec.Struct, frozen=True, omit_defaults=True):
    """Base of the plain values."""


class Tagged(msgspec.Struct, frozen=True, omit_defaults=True, tag=True):
    """Base of the messages; the tag is the class name."""


# ---------------------------------------------------------------- values


class Adapter(Struct, frozen=True):
    """A LoRA adapter on a model. `path`: absolute, of its GGUF; `scale`: its strength, 0 for none."""

    path: str
    scale: float = 1.0


class LoadOptions(Struct, frozen=True):
    """How to load a model.

    Attributes:
        path: absolute path of the GGUF (the first shard when there are several).
        context_size: tokens of context shared by all running requests.
        gpu_layers: layers to put on the GPU; -1 means all that there are.
        threads: threads for computing; 0 means one for each physical core.
        batch_size: most tokens evaluated in one decode.
        pause_s: how long a running answer is held up, at about the most, by a part of another prompt.
        parallel: most requests decoded together.
        flash_attention: None leaves the choice to llama.cpp.
        kv_type: type of the key/value cache, one of f16, q8_0, q4_0.
        swa_full: keep the whole past of sliding-window models (more memory, cheaper edits).
        adapters: attached when it is loaded; `Engine.set_adapters` changes them later.
    """

    path: str
    context_size: int = 4096
    gpu_layers: int = -1
    threads: int = 0
    batch_size: int = 512
    pause_s: float = 0.1
    parallel: int = 8
    flash_attention: bool | None = None
    kv_type: str = "f16"
    swa_full: bool = False
    adapters: tuple[Adapter, ...] = ()


class Buffer(Struct, frozen=True):
    """Memory that llama.cpp said it took, to the nearest 0.01 MiB.

    Attributes:
        kind: in llama.cpp's words "model" (weights), "KV" or "RS" (the past of attention and of
            recurrent layers), "compute", "output", "LoRA".
        device: in llama.cpp's words "CPU", "CPU_Mapped" (the file itself, mapped), "CPU_REPACK",
            "CUDA0", "CUDA_Host", ...; a graphics card's own are named as in `devices`.
    """

    kind: str
    device: str
    bytes: int


class ModelInfo(Struct, frozen=True):
    """A model as it was loaded.

    Attributes:
        context_size: tokens of context allocated; `context_length` is what it was trained for.
        chat_template: False for a base model, whose chats use a plain completion format.
        can_cut: False when the past of a sequence cannot be cut back (recurrent, hybrid).
        gpu_layers: layers that llama.cpp put on a graphics card, the output counted as one: all of
            them are `layers + 1`.
        load_s: seconds from start to ready. memory_bytes: all its buffers together, on every device.
        device: where it runs, such as "CPU" or "CUDA0: NVIDIA ...".
        adapters: what is attached now.
    """

    name: str
    architecture: str
    parameters: int
    quantization: str
    size_bytes: int
    vocab_size: int
    embedding_size: int
    layers: int
    gpu_layers: int
    context_length: int
    context_size: int
    chat_template: bool
    can_generate: bool = True
    can_cut: bool = True
    load_s: float = 0.0
    memory_bytes: int = 0
    buffers: tuple[Buffer, ...] = ()
    device: str = "CPU"
    adapters: tuple[Adapter, ...] = ()


class BackendFacts(Struct, frozen=True):
    """What llama.cpp can use on this computer.

    Attributes:
        bindings, llama_version, ggml_version: versions.
        features: what it uses of the processor, such as "AVX2".
        built: the backends whose libraries came with it, in small letters, such as "cpu", "cuda".
        backends: those that it could start, such as "CPU", "CUDA".
        devices: as `child.devices` lists them.
        messages: what the drivers said while they were looked for.
    """

    bindings: str
    llama_version: str
    ggml_version: str
    features: tuple[str, ...]
    built: tuple[str, ...]
    backends: tuple[str, ...]
    devices: tuple[dict[str, Any], ...]
    messages: tuple[str, ...] = ()

    @property
    def why_no_gpu(self) -> str:
        """Why models do not run on a graphics card, a sentence in plain words; empty when they do."""
        if any(device["kind"] in GPU_KINDS for device in self.devices):
            return ""
        if {*self.built, *map(str.lower, self.backends)} <= NO_GPU_BACKENDS:
            return sentence(
                "This build of llama.cpp knows no graphics cards, so models run on the processor."
            )
        return sentence("llama.cpp found no graphics card that it can use, so models run on the processor.")


class Message(Struct, frozen=True):
    """One turn of a chat. `thinking` is what a reasoning model thought before `content`."""

    role: Role
    content: str
    thinking: str = ""


class Chat(Struct, frozen=True):
    """Messages to be rendered by the model's chat template.

    Attributes:
        continue_last: the last message is an assistant's and is to be continued.
        thinking: ask for or against thinking where the template can; None leaves its default.
        exact: spell the prompt with the tokenizer alone, never with the tokens a model sampled.
    """

    messages: tuple[Message, ...]
    continue_last: bool = False
    thinking: bool | None = None
    exact: bool = False


class ThinkingTags(Struct, frozen=True):
    """The marks around thinking in a model's output. `open_at_start`: the prompt ends with `start`."""

    start: str
    end: str
    open_at_start: bool = False


class PromptSize(Struct, frozen=True):
    """How long a chat is once it is rendered; small where a `Prompt` may be megabytes.

    Attributes:
        total: tokens of the prompt.
        parts: as `Prompt.parts`.
    """

    total: int
    parts: tuple[int, ...]


class Prompt(Struct, frozen=True):
    """A rendered chat: exactly what the model will see.

    Attributes:
        text: the rendered prompt, control tokens spelled out.
        tokens: token ids, ready for `Request.tokens`.
        parts: tokens of each message's content, in the order of `Chat.messages`;
            what is left of `len(tokens)` is the template's own marks.
        stop: stop strings that this format needs.
        format: "template", or "plain" for a base model without a template.
    """

    text: str
    tokens: tuple[int, ...]
    parts: tuple[int, ...] = ()
    stop: tuple[str, ...] = ()
    thinking: ThinkingTags | None = None
    format: Literal["template", "plain"] = "template"

    @property
    def size(self) -> PromptSize:
        """Its length alone."""
        return PromptSize(total=len(self.tokens), parts=self.parts)


class Sampling(Struct, frozen=True):
    """How the next token is chosen. `seed` None draws a fresh one for each request.

    temperature 0 is greedy. top_k 0, top_p 1, min_p 0, repeat_penalty 1 and the other penalties
    0 are off. `repeat_last_n` is how many tokens back the penalties look, -1 for the whole context.
    """

    temperature: float = 0.8
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repeat_last_n: int = 64
    seed: int | None = None


class Request(Struct, frozen=True):
    """One generation.

    Attributes:
        id: chosen by the caller, unique for the engine.
        tokens: the prompt; from `Engine.render` or `Engine.tokenize`.
        max_tokens: 0 means until the context is full.
        grammar: GBNF text. json_schema: JSON text of a schema. At most one of the two.
        logit_bias: token id -> added to its logit; -inf (or <= -1e9) forbids it.
        logprobs: None for none, else how many alternatives to report with each chosen token.
        mode: fast shares batches and caches; exact runs alone from an empty cache, so that the
            same seed gives the same text on the same machine.
        patient: nobody reads along, so it lets others go first and may be held up by prompts.
        lookup: the answer will mostly repeat the prompt, so guess its next tokens there (prompt lookup);
            it changes no text, see `lookup`, and is left where it cannot help.
    """

    id: str
    tokens: tuple[int, ...]
    sampling: Sampling = Sampling()
    max_tokens: int = 0
    stop: tuple[str, ...] = ()
    thinking: ThinkingTags | None = None
    grammar: str | None = None
    json_schema: str | None = None
    logit_bias: dict[int, float] = {}
    logprobs: int | None = None
    mode: Mode = "fast"
    patient: bool = False
    lookup: bool = False


class TokenLogprob(Struct, frozen=True):
    """A chosen token with its natural-log probability before sampling, and the top alternatives."""

    token: int
    text: str
    logprob: float
    top: tuple[tuple[int, str, float], ...] = ()


class Usage(Struct, frozen=True):
    """Token counts. `cached_tokens` of the prompt were not evaluated again.

    `guessed` tokens were evaluated before it was known whether they come; `accepted` of them came.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    guessed: int = 0
    accepted: int = 0


class Timings(Struct, frozen=True):
    """Seconds. `first_token_s` counts from submission; `decode_s` from the first token to the last."""

    queue_s: float = 0.0
    prompt_s: float = 0.0
    first_token_s: float = 0.0
    decode_s: float = 0.0
    tokens_per_second: float = 0.0


# ---------------------------------------------------------------- commands


class Load(Tagged, frozen=True):
    """Load the model; the first command, answered by LoadProgress and Ready or LoadFailed."""

    options: LoadOptions
    version: int = VERSION


class Submit(Tagged, frozen=True):
    """Generate."""

    request: Request


class Cancel(Tagged, frozen=True):
    """Stop a request, and others with it; each still gets its Finished event, with what was made so far."""

    id: str
    others: tuple[str, ...] = ()


class Render(Tagged, frozen=True):
    """Render a chat; answered by Reply with a Prompt."""

    id: str
    chat: Chat


class Measure(Tagged, frozen=True):
    """Render a chat and count its tokens; answered by Reply with a PromptSize."""

    id: str
    chat: Chat


class Tokenize(Tagged, frozen=True):
    """Answered by Reply with a list of token ids. `special`: control strings become control tokens."""

    id: str
    text: str
    special: bool = False


class Detokenize(Tagged, frozen=True):
    """Answered by Reply with the text."""

    id: str
    tokens: tuple[int, ...]


class Score(Tagged, frozen=True):
    """Log-likelihood of `continuation` after `prompt`; answered by Reply with a list of floats."""

    id: str
    prompt: tuple[int, ...]
    continuation: tuple[int, ...]


class Embed(Tagged, frozen=True):
    """Embed texts; answered by Reply with one list of floats for each text."""

    id: str
    texts: tuple[str, ...]
    normalize: bool = True


class SetAdapters(Tagged, frozen=True):
    """Change the adapters between two requests; answered by Reply with the new ModelInfo.

    What runs or waits already is finished with the old ones.
    """

    id: str
    adapters: tuple[Adapter, ...]


class Quantize(Tagged, frozen=True):
    """Write a model in another type; the one command of a quantizer, answered as Load, at last by Reply.

    Attributes:
        source: the GGUF (the first shard when there are several). target: the file to write.
        file_type: llama.cpp's number of the type.
        again: the source is quantized already, and may be quantized once more.
        room: bytes that the target may take.
    """

    source: str
    target: str
    file_type: int
    again: bool
    room: int
    version: int = VERSION


Call = Submit | Cancel | Render | Measure | Tokenize | Detokenize | Score | Embed | SetAdapters
Command = Load | Quantize | Call

# ---------------------------------------------------------------- events


class LoadProgress(Tagged, frozen=True):
    """Part of the model that is loaded, 0 to 1."""

    fraction: float


class Ready(Tagged, frozen=True):
    """The model is loaded."""

    info: ModelInfo
    version: int = VERSION


class Failure(Struct, frozen=True):
    """An error in a form that crosses the process border; see `models.errors`."""

    kind: Literal["user", "engine"]
    template: str
    hint: str = ""
    code: str = ""
    params: dict[str, Any] = {}


class LoadFailed(Tagged, frozen=True):
    """The model could not be loaded; the process ends."""

    failure: Failure


class Started(Tagged, frozen=True):
    """The request was admitted and its prompt is being evaluated."""

    id: str
    prompt_tokens: int
    cached_tokens: int
    queue_s: float


class PromptProgress(Tagged, frozen=True):
    """`done` of `total` prompt tokens are evaluated (cached ones count as done)."""

    id: str
    done: int
    total: int


class TextDelta(Tagged, frozen=True):
    """More of the answer. `tokens` is filled only when log-probabilities were asked for."""

    id: str
    text: str
    tokens: tuple[TokenLogprob, ...] = ()


class ThinkingDelta(Tagged, frozen=True):
    """More of the thinking before the answer, without its tags."""

    id: str
    text: str
    tokens: tuple[TokenLogprob, ...] = ()


class Silence(Tagged, frozen=True):
    """Nothing came for a while; told by the client itself, so that a reader can do what is due."""

    id: str


class Finished(Tagged, frozen=True):
    """The last event of a request."""

    id: str
    finish_reason: FinishReason
    usage: Usage
    timings: Timings
    mode: Mode = "fast"
    seed: int | None = None


class Failed(Tagged, frozen=True):
    """The last event of a request that could not be done; also answers a command that failed."""

    id: str
    failure: Failure


class Reply(Tagged, frozen=True):
    """The result of a command that has one."""

    id: str
    value: Any


SentEvent = Started | PromptProgress | TextDelta | ThinkingDelta | Finished | Failed
GenerationEvent = SentEvent | Silence
Event = LoadProgress | Ready | LoadFailed | SentEvent | Reply

_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_events: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
decode_facts = msgspec.json.Decoder(BackendFacts).decode
for _type in (Prompt, PromptSize, ModelInfo):
    # msgspec works a type out when it is first asked for, and two threads at once crash it.
    msgspec.json.Decoder(_type)


def failure(error: RolltopError) -> Failure:
    """An error in the form that crosses the process border."""
    return Failure(
        kind="user" if isinstance(error, UserError) else "engine",
        template=error.template,
        hint=error.hint,
        code=error.code,
        params={k: v if isinstance(v, int | float | str) else str(v) for k, v in error.params.items()},
    )


def error_from(failure: Failure) -> RolltopError:
    """The exception that a failure stands for."""
    kind = UserError if failure.kind == "user" else EngineError
    return kind(failure.template, hint=failure.hint, code=failure.code, **failure.params)


def encode(message: Command | Event) -> bytes:
    """Encode one message."""
    return _encoder.encode(message)


def decode_command(data: bytes) -> Command:
    """Decode what the app sent; raises msgspec.DecodeError when it is not a command."""
    return _commands.decode(data)


def decode_event(data: bytes) -> Event:
    """Decode what the engine sent; raises msgspec.DecodeError when it is not an event."""
    return _events.decode(data)
