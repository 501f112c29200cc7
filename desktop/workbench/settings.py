"""Every setting of the app, declared once: its type, default, words and limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.engine.protocol import LoadOptions, Sampling
from models.errors import UserError, sentence

if TYPE_CHECKING:
    from desktop.workbench.store import Store
    from models.network import NetworkOptions

Value = str | bool | int | float


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        key: its name in the store. type: of its value. default: when it was never set.
        label, help: what a form shows; English, translated by the window.
        choices: the values it may have; empty for any.
        minimum, maximum: limits of a number, both allowed values.
    """

    key: str
    type: type[str] | type[bool] | type[int] | type[float]
    default: Value
    label: str
    help: str
    choices: tuple[Value, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    def check(self, value: object) -> Value:
        """The value in the setting's type; raises UserError when it cannot be one."""
        if isinstance(value, bool) != (self.type is bool):
            raise self._refused(sentence("This setting needs another kind of value."))
        if self.type is float and isinstance(value, int):
            value = float(value)
        if not isinstance(value, self.type) or (isinstance(value, float) and not math.isfinite(value)):
            raise self._refused(sentence("This setting needs another kind of value."))
        if self.choices and value not in self.choices:
            listed = ", ".join(str(choice) for choice in self.choices)
            raise self._refused(sentence("This setting must be one of: {choices}."), choices=listed)
        if isinstance(value, int | float):
            if self.minimum is not None and value < self.minimum:
                raise self._refused(
                    sentence("This setting must be at least {limit}."), limit=_plain(self.minimum)
                )
            if self.maximum is not None and value > self.maximum:
                raise self._refused(
                    sentence("This setting must be at most {limit}."), limit=_plain(self.maximum)
                )
        return value

    def allows(self, value: object) -> bool:
        """Whether `check` would accept the value."""
        try:
            self.check(value)
        except UserError:
            return False
        return True

    def _refused(self, template: str, **params: str) -> UserError:
        return UserError(template, code="bad_setting", key=self.key, label=self.label, **params)


_SAMPLING = Sampling()
_LOADING = LoadOptions(path="")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "theme",
        str,
        "system",
        "Theme",
        "Light, dark, or as the system is.",
        choices=("system", "light", "dark"),
    ),
    Setting(
        "language",
        str,
        "system",
        "Language",
        "The language of the window.",
        choices=("system", "en", "zh_CN"),
    ),
    Setting("default_model", str, "", "Model", "The model of a new chat; empty means the starter model."),
    Setting(
        "context_size",
        int,
        0,
        "Context size",
        "Tokens a model keeps in mind; 0 means as many as memory affords, up to 8192.",
        minimum=0,
        maximum=1 << 24,
    ),
    Setting(
        "gpu_layers",
        int,
        _LOADING.gpu_layers,
        "GPU layers",
        "Layers computed on the graphics card; -1 means as many as its memory holds.",
        minimum=-1,
        maximum=10_000,
    ),
    Setting(
        "threads",
        int,
        _LOADING.threads,
        "Threads",
        "Threads for computing; 0 means one for each physical core.",
        minimum=0,
        maximum=1024,
    ),
    Setting(
        "kv_type",
        str,
        _LOADING.kv_type,
        "Cache precision",
        "How the context is kept in memory. Smaller types save memory and lose a little quality.",
        choices=("f16", "q8_0", "q4_0"),
    ),
    Setting(
        "flash_attention",
        str,
        "auto",
        "Flash attention",
        "A faster way to compute attention, where the device can.",
        choices=("auto", "on", "off"),
    ),
    Setting(
        "idle_unload_minutes",
        int,
        15,
        "Unload when idle",
        "Minutes after which an unused model leaves memory; 0 means never.",
        minimum=0,
        maximum=7 * 24 * 60,
    ),
    Setting(
        "other_apps",
        bool,
        True,
        "Models of other apps",
        "List the models that LM Studio, Ollama, Jan, GPT4All and the Hugging Face cache keep on this "
        "computer. They are read where they lie and never changed.",
    ),
    Setting(
        "offline",
        bool,
        False,
        "Offline mode",
        "Refuse every connection, also those you ask for.",
    ),
    Setting(
        "hub_endpoint",
        str,
        "",
        "Address of the hub",
        "Where models are searched and downloaded; empty means huggingface.co. A mirror may be nearer.",
    ),
    Setting(
        "proxy",
        str,
        "",
        "Proxy",
        "Such as http://localhost:3128; empty means as the system says.",
    ),
    Setting(
        "parallel_downloads",
        int,
        2,
        "Downloads at once",
        "The others wait for their turn.",
        minimum=1,
        maximum=8,
    ),
    Setting(
        "temperature",
        float,
        _SAMPLING.temperature,
        "Temperature",
        "0 always takes the likeliest token; more is more varied.",
        minimum=0.0,
        maximum=10.0,
    ),
    Setting(
        "top_p",
        float,
        _SAMPLING.top_p,
        "Top-p",
        "Keep the likeliest tokens that together have this probability; 1 is off.",
        minimum=0.0,
        maximum=1.0,
    ),
    Setting(
        "min_p",
        float,
        _SAMPLING.min_p,
        "Min-p",
        "Drop tokens less likely than this part of the likeliest; 0 is off.",
        minimum=0.0,
        maximum=1.0,
    ),
    Setting(
        "top_k",
        int,
        _SAMPLING.top_k,
        "Top-k",
        "Keep this many of the likeliest tokens; 0 is off.",
        minimum=0,
        maximum=1_000_000,
    ),
    Setting(
        "repeat_penalty",
        float,
        _SAMPLING.repeat_penalty,
        "Repeat penalty",
        "Above 1, what was said lately becomes less likely; 1 is off.",
        minimum=0.01,
        maximum=10.0,
    ),
    Setting(
        "max_tokens",
        int,
        0,
        "Longest answer",
        "Tokens after which an answer ends; 0 means until the context is full.",
        minimum=0,
        maximum=1 << 24,
    ),
    Setting(
        "send_on_enter",
        bool,
        True,
        "Enter sends",
        "Enter sends the message and Shift+Enter makes a new line.",
    ),
    Setting("show_inspector", bool, True, "Inspector", "Show the inspector at the right."),
    Setting("show_list", bool, True, "Conversations", "Show the list of conversations."),
)

BY_KEY = {setting.key: setting for setting in SETTINGS}


class Settings:
    """The settings as they are kept in the store.

    Attributes:
        on_change: called with the key after a setting changed, on the thread that changed it.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.on_change: list[Callable[[str], None]] = []

    def get(self, key: str) -> Value:
        """The value of a setting; a stored value that is no longer valid counts as never set."""
        setting = BY_KEY[key]
        value = self._store.get_setting(key)
        return setting.check(value) if setting.allows(value) else setting.default

    def set(self, key: str, value: object) -> None:
        """Check and keep a value; raises UserError when the setting cannot have it."""
        checked = BY_KEY[key].check(value)
        if checked == self.get(key):
            return
        self._store.set_setting(key, checked)
        for callback in list(self.on_change):
            callback(key)

    def load_options(self, path: str) -> LoadOptions:
        """How to load the model at `path` as the settings say."""
        return LoadOptions(
            path=path,
            context_size=int(self.get("context_size")),
            gpu_layers=int(self.get("gpu_layers")),
            threads=int(self.get("threads")),
            flash_attention={"on": True, "off": False}.get(str(self.get("flash_attention"))),
            kv_type=str(self.get("kv_type")),
        )

    def network_options(self) -> NetworkOptions:
        """How to reach the hub as the settings say."""
        from models.network import HUB, NetworkOptions  # here, since it would delay the first window

        return NetworkOptions(
            endpoint=str(self.get("hub_endpoint")) or HUB,
            proxy=str(self.get("proxy")),
            offline=bool(self.get("offline")),
        )

    def sampling(self) -> Sampling:
        """The sampling of a new chat."""
        return Sampling(
            temperature=float(self.get("temperature")),
            top_k=int(self.get("top_k")),
            top_p=float(self.get("top_p")),
            min_p=float(self.get("min_p")),
            repeat_penalty=float(self.get("repeat_penalty")),
        )


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
