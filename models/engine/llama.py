"""llama.cpp through its low-level API: the only file that imports `llama_cpp`.

Wraps a model, its context and its samplers in a few small classes and knows nothing of requests or
scheduling. Every ctypes callback is kept on `self`, since C goes on calling it.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import llama_cpp as llama
import msgspec
import numpy as np
import numpy.typing as npt
import psutil
from llama_cpp._ctypes_extensions import load_shared_library
from llama_cpp._ggml import libggml, libggml_base_path
from llama_cpp.llama_grammar import json_schema_to_gbnf

from models.engine.adapters import AdapterError, check_adapter
from models.engine.log import INFO, MIB, Log
from models.engine.protocol import (
    GGML_LIBRARY,
    GPU_KINDS,
    Adapter,
    BackendFacts,
    Buffer,
    LoadOptions,
    ModelInfo,
    Request,
    Sampling,
    TokenLogprob,
)
from models.errors import EngineError, UserError
from models.gguf import GGUFHeader, read_header, shown

FloatArray = npt.NDArray[np.float32]
State = npt.NDArray[np.uint8]
"""The saved state of a sequence, as llama.cpp writes it."""

KV_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8}
UNKNOWN_OR_CONTROL, USER_DEFINED = 1 | 8, 16  # llama_token_attr
TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
RANK_POOLING = 4  # LLAMA_POOLING_TYPE_RANK: scores instead of a vector
PARTIAL_STATE = 1  # LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY
QUANTIZE_BYTES = 512 << 20
"""Of a tensor's rows that are in memory at once while it is quantized."""
MAX_GRAMMAR = 1 << 20
MAX_GRAMMAR_DEPTH = 500
"""llama.cpp reads groups by recursion, without a bound."""


class LoadError(UserError):
    """llama.cpp could not load the file."""

    code = "load_failed"


class NoMemory(LoadError):
    """There is not enough memory.

    In `params`: part ("weights", "context" or "adapter"), device and bytes as in `log.Shortage`.
    """

    code = "no_memory"


class LoadAborted(Exception):
    """The progress callback asked to stop."""


_log = Log()


def _hear(level: int, text: bytes, _data: Any) -> None:
    if level >= INFO:  # the many lines for debugging need not even become text
        _log.hear(level, text.decode("utf-8", "replace"))


_on_log = llama.llama_log_callback(_hear)
llama.llama_log_set(_on_log, ctypes.c_void_p(0))


class Vocabulary:
    """Text to tokens and back.

    Attributes:
        size: number of tokens. bos: the token a prompt starts with, -1 when there is none.
        control: token id -> text of the tokens that no plain text may turn into.
        marks: texts of tokens that plain text does turn into, and that look like marks: `<think>`.
    """

    def __init__(self, model: Any) -> None:
        self._vocab = llama.llama_model_get_vocab(model)
        self.size = llama.llama_vocab_n_tokens(self._vocab)
        self.bos = llama.llama_vocab_bos(self._vocab)
        self.eos = llama.llama_vocab_eos(self._vocab)
        self.adds_bos = bool(llama.llama_vocab_get_add_bos(self._vocab))
        self._pieces: dict[int, bytes] = {}
        self.control = self._texts(UNKNOWN_OR_CONTROL)
        defined = self._texts(USER_DEFINED).values()
        self.marks = {text for text in defined if len(text) > 2 and text[0] in "<["}
        found = sorted(map(re.escape, self.marks), key=len, reverse=True)
        self._mark = re.compile("|".join(found) or r"(?!)")

    def _texts(self, attributes: int) -> dict[int, str]:
        return {
            token: (llama.llama_vocab_get_text(self._vocab, token) or b"").decode("utf-8", "replace")
            for token in range(self.size)
            if llama.llama_vocab_get_attr(self._vocab, token) & attributes
        }

    @property
    def handle(self) -> Any:
        """The llama_vocab pointer."""
        return self._vocab

    def text(self, token: int) -> str:
        """The spelling of a control token in templates; empty for -1."""
        return self.piece(token).decode("utf-8", "replace") if token >= 0 else ""

    def tokenize(self, text: str, *, special: bool, add_bos: bool = False) -> list[int]:
        """Token ids of `text`; lone surrogates become U+FFFD."""
        data = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
        size = len(data) + 8
        while True:
            tokens = (llama.llama_token * size)()
            n = llama.llama_tokenize(self._vocab, data, len(data), tokens, size, add_bos, special)
            if n >= 0:
                return list(tokens[:n])
            size = -n

    def spell_out(self, text: str) -> list[int]:
        """Tokens of text in which no mark may become a token: each is cut after its first character."""
        cuts = [match.start() + 1 for match in self._mark.finditer(text)]
        parts = (text[a:b] for a, b in pairwise([0, *cuts, len(text)]))
        return [token for part in parts for token in self.tokenize(part, special=False)]

    def piece(self, token: int) -> bytes:
        """The bytes of one token, control tokens spelled out."""
        found = self._pieces.get(token)
        if found is None:
            if not 0 <= token < self.size:
                raise UserError("The model has no token {token}.", code="bad_token", token=token)
            size = 64
            while True:
                buffer = ctypes.create_string_buffer(size)
                n = llama.llama_token_to_piece(self._vocab, token, buffer, size, 0, True)
                if n >= 0:
                    break
                size = -n
            found = self._pieces[token] = buffer.raw[:n]
        return found

    def ends_generation(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""
        return bool(llama.llama_vocab_is_eog(self._vocab, token))


class Batch:
    """Rows of (token, position, sequence, wants logits) for one decode, filled through NumPy."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.tokens = np.zeros(capacity, np.int32)
        self.positions = np.zeros(capacity, np.int32)
        self.sequences = np.zeros(capacity, np.int32)
        self.outputs = np.zeros(capacity, np.int8)
        self._one = np.ones(capacity, np.int32)
        int_p = ctypes.POINTER(ctypes.c_int32)
        first = self.sequences.ctypes.data
        self._pointers = (int_p * capacity)(*(ctypes.cast(first + 4 * i, int_p) for i in range(capacity)))
        self._batch = llama.llama_batch(
            n_tokens=0,
            token=self.tokens.ctypes.data_as(int_p),
            pos=self.positions.ctypes.data_as(int_p),
            n_seq_id=self._one.ctypes.data_as(int_p),
            seq_id=ctypes.cast(self._pointers, ctypes.POINTER(int_p)),
            logits=self.outputs.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )
        self.clear()

    def clear(self) -> None:
        """Forget all rows."""
        self.size = 0

    def add(self, tokens: Sequence[int], position: int, sequence: int) -> int:
        """Append consecutive tokens of one sequence without outputs; returns the first row."""
        row, end = self.size, self.size + len(tokens)
        if len(tokens) == 1:  # each token of an answer comes this way
            self.tokens[row], self.positions[row] = tokens[0], position
            self.sequences[row], self.outputs[row] = sequence, 0
            self.size = end
            return row
        self.tokens[row:end] = tokens
        self.positions[row:end] = range(position, position + len(tokens))
        self.sequences[row:end] = sequence
        self.outputs[row:end] = 0
        self.size = end
        return row

    @property
    def struct(self) -> Any:
        """The llama_batch over the rows so far."""
        self._batch.n_tokens = self.size
        return self._batch


LORA = "LoRA"
LoraFile = tuple[str, int, int]
"""An adapter's path, size in bytes and time of change in nanoseconds: another file may take its place."""
AdapterSet = frozenset[tuple[LoraFile, float]]


@dataclass(frozen=True)
class _Lora:
    """An adapter in memory."""

    handle: Any
    buffers: tuple[Buffer, ...]


class Model:
    """A loaded model with one context.

    Attributes:
        vocab: its vocabulary. info: what was loaded.
        adapters: what is attached; states that were saved with one set are of no use to another.
        sequences: how many sequence ids the context has.
        window: tokens of a sliding attention window that the cache keeps, 0 when it keeps all.
        rows_may_agree: whether a row can be hoped to come out the same, to the last bit, however many
            are evaluated with it.
    """

    def __init__(self, options: LoadOptions, progress: Callable[[float], bool] | None = None) -> None:
        """Load `options.path`; `progress(fraction)` returning False aborts with LoadAborted."""
        _log.clear()
        llama.llama_backend_init()
        self._context: Any = None
        self._embedder: Embedder | None = None
        self._handle = self._load(options, progress)
        self.vocab = Vocabulary(self._handle)
        self._options = options
        recurrent = llama.llama_model_is_recurrent(self._handle) or llama.llama_model_is_hybrid(self._handle)
        self.can_cut = not recurrent
        self.window = 0 if options.swa_full else int(llama.llama_model_n_swa(self._handle))
        # A recurrent model pays a whole state for each sequence, attention shares one cache.
        self.sequences = options.parallel + (2 if recurrent else 8)
        self.can_generate = self._generates()
        if self.can_generate:
            self._context = self._new_context()
        self._memory = llama.llama_get_memory(self._context) if self._context else None
        self._no_abort = llama.ggml_abort_callback()
        self._loras: dict[LoraFile, _Lora] = {}
        self.adapters: AdapterSet = frozenset()
        self.info = self._describe()
        self.rows_may_agree = self._rows_may_agree()
        if options.adapters:
            self.set_adapters(options.adapters)

    # ------------------------------------------------------------ loading

    def _load(self, options: LoadOptions, progress: Callable[[float], bool] | None) -> Any:
        params = llama.llama_model_default_params()
        params.n_gpu_layers = options.gpu_layers if options.gpu_layers >= 0 else 999
        nobody = (ctypes.c_void_p * 1)(None)
        if options.gpu_layers == 0:  # else a GPU would still be given buffers, for work that is not there
            params.devices = ctypes.addressof(nobody)
        params.use_extra_bufts = not has_amx()
        aborted = False

        def on_progress(fraction: float, _data: Any) -> bool:
            nonlocal aborted
            aborted = progress is not None and not progress(fraction)
            return not aborted

        callback = llama.llama_progress_callback(on_progress)
        params.progress_callback = callback
        handle = llama.llama_model_load_from_file(options.path.encode(), params)
        if aborted:
            raise LoadAborted
        if not handle:
            if short := _log.shortage():
                raise NoMemory(
                    "There is not enough memory for the weights of this model.",
                    hint="Choose a smaller model, or put fewer of its layers on the graphics card.",
                    **short.params("weights"),
                )
            raise LoadError(
                "The model could not be loaded: {reason}",
                hint="Try another model, or download this one again.",
                reason=_log.reason(),
            )
        return handle

    def _generates(self) -> bool:
        if not llama.llama_model_has_decoder(self._handle):
            return False
        if llama.llama_model_has_encoder(self._handle):
            raise LoadError(
                "This model translates from an encoder, which Rolltop cannot run yet.",
                hint="Choose a model made for chat.",
            )
        return self.metadata(f"{self.architecture}.attention.causal") != "false"

    def _new_context(self) -> Any:
        options = self._options
        params = llama.llama_context_default_params()
        trained = llama.llama_model_n_ctx_train(self._handle)
        params.n_ctx = min(options.context_size, trained) if trained > 0 else options.context_size
        params.n_batch = params.n_ubatch = max(min(options.batch_size, params.n_ctx), self.sequences)
        params.n_seq_max = self.sequences
        params.n_threads = params.n_threads_batch = self._threads()
        params.type_k = params.type_v = KV_TYPES.get(options.kv_type, 1)
        if options.flash_attention is not None:
            params.flash_attn_type = int(options.flash_attention)
        params.swa_full = options.swa_full
        params.kv_unified = True
        params.no_perf = True
        context = llama.llama_init_from_model(self._handle, params)
        if not context:
            if short := _log.shortage():
                raise NoMemory(
                    "There is not enough memory for a context of {size} tokens.",
                    hint="Choose a smaller context, or put fewer layers on the graphics card.",
                    size=params.n_ctx,
                    **short.params("context"),
                )
            raise LoadError(
                "The model cannot be run with these settings: {reason}",
                hint="Choose other settings for its context.",
                reason=_log.reason(),
            )
        return context

    def _rows_may_agree(self) -> bool:
        """See the attribute.

        Graphics cards choose among kernels by the number of rows, and experts see those rows that fall
        to them. On a processor attention over f16 is the obstacle: of a single row it is added up in one
        part for each thread from 512 cells on, and of 64 rows and more in tiles; over other types it
        always is added up in order.
        """
        on_processor = self.info.device == "CPU"
        experts = int(self.metadata(f"{self.architecture}.expert_count") or 0)
        whole = self.can_cut and not self.window and not experts
        return whole and on_processor and self._options.kv_type in ("q8_0", "q4_0")

    def _threads(self) -> int:
        return self._options.threads or psutil.cpu_count(logical=False) or psutil.cpu_count() or 1

    def _describe(self) -> ModelInfo:
        buffers = _log.buffers()
        taken = {buffer.device for buffer in buffers}
        gpus = [d for d in devices() if d["kind"] in GPU_KINDS and d["name"] in taken]
        quantization = llama.llama_ftype_name(llama.llama_model_ftype(self._handle)) or b""
        return ModelInfo(
            name=self.metadata("general.name") or self.architecture,
            architecture=self.architecture,
            parameters=llama.llama_model_n_params(self._handle),
            quantization=quantization.decode().removesuffix(" - Medium").removesuffix(" - Small"),
            size_bytes=llama.llama_model_size(self._handle),
            vocab_size=self.vocab.size,
            embedding_size=llama.llama_model_n_embd_out(self._handle),
            layers=llama.llama_model_n_layer(self._handle),
            gpu_layers=_log.gpu_layers() if gpus else 0,
            context_length=llama.llama_model_n_ctx_train(self._handle),
            context_size=self.context_size,
            chat_template=self.chat_template is not None,
            can_generate=self.can_generate,
            can_cut=self.can_cut,
            memory_bytes=_size(buffers),
            buffers=buffers,
            device=", ".join(f"{gpu['name']}: {gpu['description']}" for gpu in gpus) or "CPU",
        )

    def metadata(self, key: str) -> str | None:
        """One value of the file's metadata as text."""
        size = 256
        while True:
            buffer = ctypes.create_string_buffer(size)
            n = llama.llama_model_meta_val_str(self._handle, key.encode(), buffer, size)
            if n < 0:
                return None
            if n < size:
                return buffer.value.decode("utf-8", "replace")
            size = n + 1

    @property
    def architecture(self) -> str:
        """The architecture's name, such as "llama"."""
        return self.metadata("general.architecture") or "unknown"

    @property
    def chat_template(self) -> str | None:
        """The source of the model's chat template; None for a base model."""
        found = llama.llama_model_chat_template(self._handle, None)
        return found.decode("utf-8", "replace") if found else None

    @property
    def context_size(self) -> int:
        """Tokens of context allocated."""
        if self._context:
            return int(llama.llama_n_ctx(self._context))
        return int(llama.llama_model_n_ctx_train(self._handle))

    @property
    def batch_size(self) -> int:
        """Most rows of a batch: as asked for, and never more than the context asked for."""
        return int(llama.llama_n_batch(self._context)) if self._context else self.sequences

    # ------------------------------------------------------------ decoding

    def decode(self, batch: Batch) -> int:
        """Evaluate a batch: 0 done, 1 no room in the cache (nothing changed), 2 aborted.

        Raises EngineError when llama.cpp refuses the batch.
        """
        status = int(llama.llama_decode(self._context, batch.struct))
        if status < 0:
            raise EngineError(
                "The model could not evaluate the text (llama.cpp error {status}).", status=status
            )
        return status

    def on_abort(self, check: Callable[[], bool] | None) -> None:
        """Ask `check` while computing whether to stop; None asks no more (asking costs time)."""
        if check is None:
            self._abort = self._no_abort
        else:
            self._abort = llama.ggml_abort_callback(lambda _data: check())
        llama.llama_set_abort_callback(self._context, self._abort, None)

    def logits(self, row: int) -> FloatArray:
        """The logits of a batch row that asked for outputs; valid until the next decode."""
        pointer = llama.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, shape=(self.vocab.size,))

    def print_of(self, row: int) -> bytes:
        """A sample of the logits of a batch row, to the last bit."""
        return self.logits(row)[:: max(1, self.vocab.size // 2048)].tobytes()

    def sampler(self, request: Request, prompt: Sequence[int]) -> Sampler:
        """A sampler chain for one request."""
        return Sampler(self._context, self.vocab, request, prompt)

    # ------------------------------------------------------------ adapters

    def set_adapters(self, adapters: Sequence[Adapter]) -> None:
        """Put these adapters on the context instead of those it has; raises UserError and leaves those."""
        if adapters and not self._context:
            raise AdapterError("This model makes embeddings, it takes no adapters.")
        strengths: dict[LoraFile, float] = {}
        loras: dict[LoraFile, _Lora] = {}
        try:
            for adapter in adapters:
                file = self._check(adapter)
                loras[file] = self._loras.get(file) or loras.get(file) or self._load_adapter(adapter)
                strengths[file] = strengths.get(file, 0.0) + adapter.scale
        except BaseException:
            self._free_adapters(loras, sparing=self._loras)
            raise
        if self._context:
            handles = (llama.llama_adapter_lora_p_ctypes * len(loras))(*(x.handle for x in loras.values()))
            scales = (ctypes.c_float * len(loras))(*(strengths[file] for file in loras))
            llama.llama_set_adapters_lora(self._context, handles, len(loras), scales)
        self._free_adapters(self._loras, sparing=loras)
        self._loras = loras
        self.adapters = frozenset((file, strength) for file, strength in strengths.items() if strength)
        others = [buffer for buffer in self.info.buffers if buffer.kind != LORA]
        buffers = (*others, *(buffer for lora in loras.values() for buffer in lora.buffers))
        self.info = msgspec.structs.replace(
            self.info, adapters=tuple(adapters), buffers=buffers, memory_bytes=_size(buffers)
        )

    @cached_property
    def _header(self) -> GGUFHeader:
        return read_header(Path(self._options.path))

    def _check(self, adapter: Adapter) -> LoraFile:
        path = Path(adapter.path)
        if not math.isfinite(adapter.scale):
            raise AdapterError("The strength of {file} is not a number.", file=shown(path))
        check_adapter(path, self._header)
        with suppress(OSError):
            facts = path.stat()
            return adapter.path, facts.st_size, facts.st_mtime_ns
        return adapter.path, 0, 0

    def _load_adapter(self, adapter: Adapter) -> _Lora:
        _log.clear()
        handle = llama.llama_adapter_lora_init(self._handle, adapter.path.encode())
        if not handle:
            file = shown(Path(adapter.path))
            if short := _log.shortage():
                raise NoMemory(
                    "There is not enough memory for the adapter {file}.",
                    hint="Use fewer adapters, or a smaller context.",
                    file=file,
                    **short.params("adapter"),
                )
            raise AdapterError(
                "{file} cannot be put on this model: {reason}",
                hint="Choose an adapter that was made for this very model, or download it again.",
                file=file,
                reason=_log.reason(),
            )
        return _Lora(handle, _log.buffers())

    @staticmethod
    def _free_adapters(loras: dict[LoraFile, _Lora], *, sparing: dict[LoraFile, _Lora]) -> None:
        for file, lora in loras.items():
            if file not in sparing:
                llama.llama_adapter_lora_free(lora.handle)

    # ------------------------------------------------------------ memory

    def keep(self, sequence: int, length: int) -> bool:
        """Cut a sequence back to `length` tokens; False when the model cannot (nothing changed)."""
        return bool(llama.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def drop(self, sequence: int) -> None:
        """Forget a sequence."""
        llama.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def drop_all(self) -> None:
        """Forget everything."""
        llama.llama_memory_clear(self._memory, True)

    def copy(self, source: int, target: int, length: int) -> None:
        """Let `target` share the first `length` tokens of `source`."""
        llama.llama_memory_seq_cp(self._memory, source, target, 0, length)

    def first_position(self, sequence: int) -> int:
        """The first position still in memory; -1 when the sequence is empty."""
        return int(llama.llama_memory_seq_pos_min(self._memory, sequence))

    def last_position(self, sequence: int) -> int:
        """The last position in memory; -1 when the sequence is empty."""
        return int(llama.llama_memory_seq_pos_max(self._memory, sequence))

    def state_size(self, sequence: int) -> int:
        """Bytes of a sequence's whole state."""
        return int(llama.llama_state_seq_get_size_ext(self._context, sequence, 0))

    def save(self, sequence: int, *, whole: bool = False) -> State:
        """The state of a sequence: `whole`, or only what cutting it back would lose."""
        flags = 0 if whole else PARTIAL_STATE
        size = llama.llama_state_seq_get_size_ext(self._context, sequence, flags)
        state: State = np.empty(size, np.uint8)
        n = llama.llama_state_seq_get_data_ext(self._context, _bytes_of(state), size, sequence, flags)
        return state[:n]

    def restore(self, sequence: int, state: State, *, whole: bool = False) -> bool:
        """Put back what `save` gave; False when llama.cpp refuses it, for want of cells for instance."""
        flags = 0 if whole else PARTIAL_STATE
        size = len(state)
        n = llama.llama_state_seq_set_data_ext(self._context, _bytes_of(state), size, sequence, flags)
        return bool(n)

    # ------------------------------------------------------------ embeddings

    def embed(self, texts: Sequence[str], normalize: bool) -> Iterator[list[list[float]]]:
        """Vectors of the texts, some at a time, so that other work can go on in between."""
        if self._embedder is None:
            self._embedder = Embedder(self._handle, self.vocab, self._threads())
        yield from self._embedder.embed(texts, normalize)

    def close(self) -> None:
        """Free everything."""
        if self._embedder is not None:
            self._embedder.close()
        if self._context:
            llama.llama_free(self._context)
        if self._handle:
            llama.llama_model_free(self._handle)  # and the adapters with it
        self._embedder = self._context = self._handle = None


class Sampler:
    """The sampler chain of one request.

    The grammar stands outside the chain: most tokens the chain picks are legal, so one token is
    checked, and only when it is refused are all candidates filtered (as llama.cpp's own tools do).
    """

    def __init__(self, context: Any, vocab: Vocabulary, request: Request, prompt: Sequence[int]) -> None:
        self._context = context
        self._vocab = vocab
        self._alternatives = request.logprobs
        self._grammar = self._make_grammar(request)
        self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        self._fill(request, prompt)
        self._candidates: npt.NDArray[Any] = np.zeros(vocab.size, dtype=TOKEN_DATA)

    def _make_grammar(self, request: Request) -> Any:
        text = request.grammar
        if request.json_schema is not None:
            try:
                text = json_schema_to_gbnf(request.json_schema)
            except Exception as error:
                raise UserError(
                    "The JSON schema cannot be used: {reason}", code="schema", reason=str(error)
                ) from error
        if text is None:
            return None
        grammar = None
        if len(text) <= MAX_GRAMMAR and _depth(text) <= MAX_GRAMMAR_DEPTH:
            grammar = llama.llama_sampler_init_grammar(self._vocab.handle, text.encode(), b"root")
        if not grammar:
            raise UserError(
                "The grammar has an error.", hint='It must be GBNF with a rule named "root".', code="grammar"
            )
        return grammar

    def _fill(self, request: Request, prompt: Sequence[int]) -> None:
        s, size = request.sampling, self._vocab.size
        if request.logit_bias:
            biases = (llama.llama_logit_bias * len(request.logit_bias))(
                *(llama.llama_logit_bias(token, bias) for token, bias in request.logit_bias.items())
            )
            self._add(llama.llama_sampler_init_logit_bias(size, len(biases), biases))
        if s.repeat_penalty != 1 or s.presence_penalty or s.frequency_penalty:
            last = s.repeat_last_n if s.repeat_last_n >= 0 else llama.llama_n_ctx(self._context)
            penalties = llama.llama_sampler_init_penalties(
                size, last, s.repeat_penalty, s.frequency_penalty, s.presence_penalty
            )
            for token in prompt[-last:] if last else ():
                llama.llama_sampler_accept(penalties, token)
            self._add(penalties)
        if s.temperature <= 0:
            self._add(llama.llama_sampler_init_greedy())
            return
        if s.top_k > 0:
            self._add(llama.llama_sampler_init_top_k(s.top_k))
        if s.top_p < 1:
            self._add(llama.llama_sampler_init_top_p(s.top_p, 1))
        if s.min_p > 0:
            self._add(llama.llama_sampler_init_min_p(s.min_p, 1))
        self._add(llama.llama_sampler_init_temp(s.temperature))
        self._add(llama.llama_sampler_init_dist(_seed(s)))

    def _add(self, sampler: Any) -> None:
        llama.llama_sampler_chain_add(self._chain, sampler)

    def sample(self, row: int, logits: Callable[[int], FloatArray]) -> tuple[int, TokenLogprob | None]:
        """Choose the token after batch row `row`, and say how probable it was when asked to."""
        if self._grammar is None and self._alternatives is None:
            return int(llama.llama_sampler_sample(self._chain, self._context, row)), None
        values = logits(row)
        token = self._choose(values)
        llama.llama_sampler_accept(self._chain, token)
        if self._grammar is not None:
            llama.llama_sampler_accept(self._grammar, token)
        if self._alternatives is None:
            return token, None
        return token, self._explain(token, log_softmax(values))

    def _choose(self, values: FloatArray) -> int:
        token = self._pick(values, constrained=False)
        if self._grammar is None or self._allowed(token):
            return token
        token = self._pick(values, constrained=True)
        if not self._allowed(token):
            raise EngineError("The grammar leaves no token that may come next.", code="grammar")
        return token

    def _pick(self, values: FloatArray, *, constrained: bool) -> int:
        candidates = self._candidates
        candidates["id"] = np.arange(len(values), dtype=np.int32)
        candidates["logit"] = values
        candidates["p"] = 0
        array = _token_array(candidates)
        if constrained:
            llama.llama_sampler_apply(self._grammar, ctypes.byref(array))
        llama.llama_sampler_apply(self._chain, ctypes.byref(array))
        return int(array.data[max(array.selected, 0)].id)

    def _allowed(self, token: int) -> bool:
        single: npt.NDArray[Any] = np.zeros(1, dtype=TOKEN_DATA)
        single["id"] = token
        single["logit"] = 1
        llama.llama_sampler_apply(self._grammar, ctypes.byref(_token_array(single)))
        return bool(np.isfinite(single["logit"][0]))

    def _explain(self, token: int, logprobs: FloatArray) -> TokenLogprob:
        count = min(max(self._alternatives or 0, 0), len(logprobs))
        best = np.argpartition(-logprobs, count - 1)[:count] if count else np.empty(0, int)
        best = best[np.argsort(-logprobs[best], kind="stable")]
        return TokenLogprob(
            token=token,
            text=self._vocab.text(token),
            logprob=float(logprobs[token]),
            top=tuple((int(t), self._vocab.text(int(t)), float(logprobs[t])) for t in best),
        )

    def close(self) -> None:
        """Free the chain and the grammar; may be called twice."""
        if self._chain is not None:
            llama.llama_sampler_free(self._chain)
        if self._grammar is not None:
            llama.llama_sampler_free(self._grammar)
        self._chain = self._grammar = None


class Embedder:
    """A context of its own for embeddings, grown when a longer text comes.

    Pooling is the model's own, or the mean over tokens where the file names none.
    """

    SEQUENCES = 16

    def __init__(self, model: Any, vocab: Vocabulary, threads: int) -> None:
        self._model, self._vocab, self._threads = model, vocab, threads
        self._limit = int(llama.llama_model_n_ctx_train(model))
        self._size = int(llama.llama_model_n_embd_out(model))
        self._context: Any = None
        self._batch: Batch | None = None

    def embed(self, texts: Sequence[str], normalize: bool) -> Iterator[list[list[float]]]:
        """Vectors of the texts in order, one group of short texts or one long text at a time."""
        rows = [self._tokens(text) for text in texts]
        group: list[list[int]] = []
        for tokens in rows:
            full = sum(map(len, group)) + len(tokens) > 512 or len(group) == self.SEQUENCES
            if group and full:
                yield self._evaluate(group, normalize)
                group = []
            group.append(tokens)
        if group:
            yield self._evaluate(group, normalize)

    def _tokens(self, text: str) -> list[int]:
        tokens = self._vocab.tokenize(text, special=False, add_bos=True)
        if len(tokens) > self._limit:
            raise UserError(
                "The text has {tokens} tokens, the embedding model reads at most {limit}.",
                hint="Split it into smaller pieces.",
                code="embed_too_long",
                tokens=len(tokens),
                limit=self._limit,
            )
        return tokens

    def _grow(self, tokens: int) -> Batch:
        if self._batch is None or tokens > self._batch.capacity:
            self.close()
            params = llama.llama_context_default_params()
            params.n_ctx = params.n_batch = params.n_ubatch = max(512, 1 << (tokens - 1).bit_length())
            params.n_seq_max = self.SEQUENCES
            params.n_threads = params.n_threads_batch = self._threads
            params.embeddings = params.kv_unified = True
            self._context = llama.llama_init_from_model(self._model, params)
            if self._context and llama.llama_pooling_type(self._context) == 0:
                llama.llama_free(self._context)
                params.pooling_type = 1  # mean
                self._context = llama.llama_init_from_model(self._model, params)
            if not self._context:
                raise EngineError("There is not enough memory to embed {tokens} tokens.", tokens=tokens)
            if llama.llama_pooling_type(self._context) == RANK_POOLING:
                self._size = int(llama.llama_model_n_cls_out(self._model))
            self._batch = Batch(params.n_batch)
        return self._batch

    def _evaluate(self, group: list[list[int]], normalize: bool) -> list[list[float]]:
        batch = self._grow(sum(map(len, group)))
        batch.clear()
        for sequence, tokens in enumerate(group):
            batch.add(tokens, 0, sequence)
        batch.outputs[: batch.size] = 1
        memory = llama.llama_get_memory(self._context)
        if memory:
            llama.llama_memory_clear(memory, True)
        if batch.size and llama.llama_decode(self._context, batch.struct) != 0:
            raise EngineError("The model could not embed the text.")
        vectors = []
        for sequence, tokens in enumerate(group):
            vector = np.zeros(self._size, np.float32)
            if tokens:
                pointer = llama.llama_get_embeddings_seq(self._context, sequence)
                vector = np.ctypeslib.as_array(pointer, shape=(self._size,)).copy()
            norm = float(np.linalg.norm(vector))
            vectors.append((vector / norm if normalize and norm else vector).tolist())
        return vectors

    def close(self) -> None:
        """Free the context."""
        if self._context:
            llama.llama_free(self._context)
        self._context = self._batch = None


def log_softmax(logits: FloatArray) -> FloatArray:
    """Natural-log probabilities of logits, computed in float64 where it matters."""
    shifted = logits - logits.max()
    total = np.exp(shifted, dtype=np.float64).sum()
    return np.asarray(shifted - np.log(total), np.float32)


def _ggml(name: str, result: Any, *arguments: Any) -> Any:
    """A function of ggml, which comes in two libraries."""
    function = getattr(libggml if hasattr(libggml, name) else _ggml_base, name)
    function.restype, function.argtypes = result, arguments
    return function


_ggml_base = load_shared_library("ggml-base", libggml_base_path)


def devices() -> list[dict[str, Any]]:
    """ggml's own list: name, description, kind ("CPU", "GPU", "IGPU", "ACCEL"), memory in bytes."""
    size_p = ctypes.POINTER(ctypes.c_size_t)
    get = _ggml("ggml_backend_dev_get", ctypes.c_void_p, ctypes.c_size_t)
    name_of = _ggml("ggml_backend_dev_name", ctypes.c_char_p, ctypes.c_void_p)
    description_of = _ggml("ggml_backend_dev_description", ctypes.c_char_p, ctypes.c_void_p)
    type_of = _ggml("ggml_backend_dev_type", ctypes.c_int, ctypes.c_void_p)
    memory_of = _ggml("ggml_backend_dev_memory", None, ctypes.c_void_p, size_p, size_p)
    found = []
    for index in range(_ggml("ggml_backend_dev_count", ctypes.c_size_t)()):
        device = get(index)
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        memory_of(device, ctypes.byref(free), ctypes.byref(total))
        found.append(
            {
                "name": _text(name_of(device)),
                "description": _text(description_of(device)),
                "kind": {0: "CPU", 1: "GPU", 2: "IGPU", 3: "ACCEL"}.get(type_of(device), "OTHER"),
                "memory_free": free.value,
                "memory_total": total.value,
            }
        )
    return found


def backend_facts() -> BackendFacts:
    """What llama.cpp can use here; asked in a fresh process, it tells what the drivers said, too."""
    said: list[str] = []
    _log.listener = said.append
    found = devices()  # the first look at them starts the backends
    _log.listener = None
    version = llama.llama_cpp._lib.llama_version
    version.restype = ctypes.c_char_p
    registered = _ggml("ggml_backend_reg_get", ctypes.c_void_p, ctypes.c_size_t)
    name_of = _ggml("ggml_backend_reg_name", ctypes.c_char_p, ctypes.c_void_p)
    count = _ggml("ggml_backend_reg_count", ctypes.c_size_t)()
    features = re.split(r"\||\w+ :", _text(llama.llama_print_system_info()))
    libraries = (GGML_LIBRARY.match(path.name) for path in libggml_base_path.iterdir())
    return BackendFacts(
        bindings=llama.__version__,
        llama_version=_text(version()),
        ggml_version=_text(_ggml("ggml_version", ctypes.c_char_p)()),
        features=tuple(f.strip().removesuffix(" = 1") for f in features if f.strip()),
        built=tuple(sorted({library[1] for library in libraries if library})),
        backends=tuple(_text(name_of(registered(index))) for index in range(count)),
        devices=tuple(found),
        messages=tuple(filter(None, said)),
    )


def quantize(
    source: str,
    target: str,
    file_type: int,
    *,
    again: bool = False,
    dry_run: bool = False,
    progress: Callable[[float], None] = lambda _fraction: None,
) -> int:
    """Write a model in another type and return the bytes of its tensors; a dry run only counts them.

    `again` allows a source that is quantized already. Raises UserError when it cannot be done.
    """
    params = llama.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize, params.dry_run = file_type, again, dry_run
    params.nthread = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    params.max_buf_size = QUANTIZE_BYTES
    size = 0

    def on_line(line: str) -> None:
        nonlocal size
        if step := re.match(r"\[ *(\d+)/ *(\d+)\]", line):
            progress((int(step[1]) - 1) / int(step[2]))
        elif total := re.search(r"quant size += +([\d.]+) MiB", line):
            size = round(float(total[1]) * MIB)

    _log.clear()
    _log.listener = on_line
    try:
        status = llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params))
    finally:
        _log.listener = None
    if status != 0:
        raise UserError(
            "The model could not be converted: {reason}",
            hint="Choose another type, or download the model again.",
            code="quantize_failed",
            reason=_log.reason(),
        )
    return size


def has_amx() -> bool:
    """Whether llama.cpp was built for Intel's matrix tiles, which then crash it.

    GCC takes only the first bytes of the tile configuration for used and leaves the others unset
    (llama.cpp issue 20824). The weights are laid out for the tiles only in an extra buffer type.
    """
    return b"AMX_INT8 = 1" in (llama.llama_print_system_info() or b"")


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


def _size(buffers: Sequence[Buffer]) -> int:
    return sum(buffer.bytes for buffer in buffers)


def _bytes_of(state: State) -> Any:
    return state.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))


def _token_array(candidates: npt.NDArray[Any]) -> Any:
    data = candidates.ctypes.data_as(ctypes.POINTER(llama.llama_token_data))
    return llama.llama_token_data_array(data=data, size=len(candidates), selected=-1, sorted=False)


def _seed(sampling: Sampling) -> int:
    if sampling.seed is None:
        raise ValueError("the scheduler draws the seed before a sampler is made")
    return sampling.seed % 0xFFFFFFFF  # that number itself means a random seed to llama.cpp


def _depth(grammar: str) -> int:
    """How deep the groups of a grammar are nested, at most."""
    deepest = depth = 0
    for char in grammar:
        depth += (char == "(") - (char == ")")
        deepest = max(deepest, depth)
    return deepest
