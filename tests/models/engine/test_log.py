from __future__ import annotations

from models.engine.log import ERROR, INFO, WARNING, Log, Shortage
from models.engine.protocol import Buffer

LOADED = """
load_tensors: offloading output layer to GPU
load_tensors: offloading 29 repeating layers to GPU
load_tensors: offloaded 30/31 layers to GPU
load_tensors:   CPU_Mapped model buffer size =    28.69 MiB
load_tensors:        CUDA0 model buffer size =    63.41 MiB
llama_context:  CUDA_Host  output buffer size =     3.00 MiB
llama_kv_cache_iswa: creating non-SWA KV cache, size = 512 cells
llama_kv_cache:      CUDA0 KV buffer size =    11.25 MiB
llama_kv_cache: size =   11.25 MiB (   512 cells,  30 layers, 16/1 seqs), K (f16):    5.62 MiB
llama_kv_cache:      CUDA0 KV buffer size =     0.75 MiB
llama_memory_recurrent:        CPU RS buffer size =     0.59 MiB
sched_reserve:      CUDA0 compute buffer size =    98.25 MiB
sched_reserve:  CUDA_Host compute buffer size =     1.00 MiB
"""
MIB = 1 << 20


def heard(lines: str, level: int) -> Log:
    log = Log()
    for line in lines.strip().splitlines():
        log.hear(level, line + "\n")
    return log


def test_what_was_taken_is_added_up_by_kind_and_device() -> None:
    log = heard(LOADED, INFO)
    assert log.gpu_layers() == 30
    assert {(b.kind, b.device): b.bytes / MIB for b in log.buffers()} == {
        ("model", "CPU_Mapped"): round(28.69 * MIB) / MIB,
        ("model", "CUDA0"): round(63.41 * MIB) / MIB,
        ("output", "CUDA_Host"): 3,
        ("KV", "CUDA0"): 12,
        ("RS", "CPU"): round(0.59 * MIB) / MIB,
        ("compute", "CUDA0"): 98.25,
        ("compute", "CUDA_Host"): 1,
    }
    assert Buffer("output", "CUDA_Host", 3 * MIB) in log.buffers()
    log.clear()
    assert (log.buffers(), log.gpu_layers()) == ((), 0)


def test_a_shortage_of_memory_is_told_from_a_bad_file() -> None:
    short = {
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9000.00 MiB on device 0: cudaMalloc failed: "
        "out of memory\n"
        "alloc_tensor_range: failed to allocate CUDA0 buffer of size 9437184000\n"
        "llama_model_load: error loading model: unable to allocate CUDA0 buffer": Shortage(
            "CUDA0", 9437184000
        ),
        "llama_model_load: error loading model: mmap failed: Cannot allocate memory": Shortage(),
        "ggml_vulkan: Device memory allocation of size 9437184000 failed.\n"
        "ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory": Shortage(),
        "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache": (
            Shortage()
        ),
        "llama_model_load: error loading model: std::bad_alloc": Shortage(),
    }
    for lines, expected in short.items():
        assert heard(lines, ERROR).shortage() == expected, lines
    for line in (
        "llama_model_load: error loading model: tensor 'output.weight' data is not within the file bounds",
        "llama_init_from_model: V cache quantization requires flash_attn",
    ):
        log = heard(line, ERROR)
        assert log.shortage() is None
        assert log.reason() == line


def test_the_reason_is_the_first_error_not_the_last_line() -> None:
    log = heard("a warning\nllama_model_load: error loading model: no\nllama: failed to load model", WARNING)
    assert log.reason() == "llama_model_load: error loading model: no"
    assert Log().reason()


def test_a_listener_hears_every_line_as_it_comes() -> None:
    log, lines = Log(), list[str]()
    log.listener = lines.append
    log.hear(1, "for debugging\n")
    log.hear(INFO, "[   1/ 272] output.weight")
    assert lines == ["[   1/ 272] output.weight"]
