"""A llama model small enough to write on the spot: 0.6 MB of random weights in one GGUF file.

Promises: the same bytes for the same seed; every UTF-8 prompt can be tokenized; greedy decoding (temperature
0) says the same words again; the text is mostly words, with raw bytes between them that are often not UTF-8.
The model never ends an answer by itself: it runs to `max_tokens`, to a stop string, to the end of the
context, or to `END` where a `logit_bias` of +100 asks for it. It says any given text, and ends, where the
server's own parameter `grammar` (`root ::= "the text"`) or a `response_format` leaves it no choice.
Never downloads anything, and never makes sense.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import gguf
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT: Final = 4_096
"""Tokens that one conversation may hold, prompt and answer together."""

_WORDS: Final = """
a all and bird blue but can cat dog down every eye far few fish for from give go good green had half her
his house if in it keep king know land last leaf light like long look man many moon more near never
night no not of old on one or our out over own past path rain red river road run said sea see she ship
sky small so some song star stone sun tell than that the then they time to tree two under up very walk
was water way we well west what when where white who wind with wood word year yes you
"""

# Token numbers are positions: the special tokens, the 256 bytes, a space, and the words, each after a space.
_SPECIAL: Final = (
    ("<unk>", gguf.TokenType.UNKNOWN),
    ("<s>", gguf.TokenType.CONTROL),
    ("<|im_start|>", gguf.TokenType.CONTROL),
    ("<|im_end|>", gguf.TokenType.CONTROL),
    ("<tool_call>", gguf.TokenType.USER_DEFINED),
    ("</tool_call>", gguf.TokenType.USER_DEFINED),
)
_VOCABULARY: Final = (
    *_SPECIAL,
    *((f"<0x{byte:02X}>", gguf.TokenType.BYTE) for byte in range(256)),
    ("▁", gguf.TokenType.NORMAL),
    *((f"▁{word}", gguf.TokenType.NORMAL) for word in _WORDS.split()),
)
_UNKNOWN, _BEGIN = 0, 1

END: Final = 3
"""The token that ends an answer (`finish_reason` "stop")."""

TOOL_CALL: Final = 4
"""The token that opens a tool call; the server's grammar takes over from there."""

ONE_TOOL_CALL: Final = {str(TOOL_CALL): 50, str(END): 100}
"""The `logit_bias` for one tool call and the end (`finish_reason` "tool_calls").

Needs `tool_choice="required"`, under which the grammar forbids `END` before the call, and
`parallel_tool_calls=False`, without which more calls follow until `max_tokens`. Free strings run on: give
each argument an `enum`.
"""

# ChatML with Hermes-style tools: the template decides which tool-call syntax the server lets the model speak.
_CHAT_TEMPLATE: Final = """\
{%- if tools %}
{{- '<|im_start|>system\n<tools>\n' }}
{%- for tool in tools %}{{- tool | tojson }}{{- '\n' }}{%- endfor %}
{{- '</tools>\nCall a function as <tool_call>{"name": ..., "arguments": {...}}</tool_call>.<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' }}
{%- if message.content is string %}{{- message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}{{- '}</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
"""

_LAYERS, _WIDTH, _HIDDEN, _HEADS = 3, 64, 128, 4
_HEAD_WIDTH = _WIDTH // _HEADS  # one key-value head for all four: 200 bytes of cache for each token


def byte_token(byte: int) -> int:
    """The number of the token that stands for one raw byte (0-255); what `logit_bias` wants."""
    return len(_SPECIAL) + byte


def write_tiny_llama(path: Path, *, seed: int = 7) -> None:
    """Write the model to `path`, replacing what is there; another `seed` says other words."""
    model = gguf.GGUFWriter(path, "llama")
    _describe(model)
    for name, weights in _weights(np.random.default_rng(seed)).items():
        model.add_tensor(name, weights)
    model.write_header_to_file()
    model.write_kv_data_to_file()
    model.write_tensors_to_file()
    model.close()


def _describe(model: gguf.GGUFWriter) -> None:
    """The metadata: shape, vocabulary and chat template."""
    model.add_name("tiny-llama")
    model.add_file_type(gguf.LlamaFileType.ALL_F32)
    model.add_context_length(CONTEXT)
    model.add_block_count(_LAYERS)
    model.add_embedding_length(_WIDTH)
    model.add_feed_forward_length(_HIDDEN)
    model.add_head_count(_HEADS)
    model.add_head_count_kv(1)
    model.add_rope_dimension_count(_HEAD_WIDTH)
    model.add_layer_norm_rms_eps(1e-5)
    model.add_vocab_size(len(_VOCABULARY))

    model.add_tokenizer_model("llama")  # SentencePiece: characters outside the vocabulary fall back to bytes
    model.add_tokenizer_pre("default")
    model.add_token_list([text for text, _ in _VOCABULARY])
    model.add_token_scores([0.0] * len(_VOCABULARY))
    model.add_token_types([kind for _, kind in _VOCABULARY])
    model.add_unk_token_id(_UNKNOWN)
    model.add_bos_token_id(_BEGIN)
    model.add_eos_token_id(END)
    model.add_add_bos_token(True)
    model.add_add_space_prefix(False)
    model.add_chat_template(_CHAT_TEMPLATE)


def _weights(random: np.random.Generator) -> dict[str, np.ndarray]:
    """Every tensor by its GGUF name, drawn so that no layer drowns another and the best token wins clearly.

    The wide spread of the logits matters: requests decoded side by side are summed in another order than
    alone, and a near tie would make greedy decoding depend on the neighbours.
    """

    def draw(rows: int, columns: int) -> np.ndarray:
        return random.standard_normal((rows, columns), dtype=np.float32) / np.float32(columns**0.5)

    output = draw(len(_VOCABULARY), _WIDTH) * np.float32(8)
    output[: len(_SPECIAL)] = 0  # a logit of 0 is never the best: special tokens come by `logit_bias` alone
    output[byte_token(0) : byte_token(256)] *= np.float32(0.8)  # more words than bytes
    output[byte_token(256)] = 0  # the bare space, which would like to follow itself for ever

    ones = np.ones(_WIDTH, dtype=np.float32)
    tensors = {
        "token_embd.weight": draw(len(_VOCABULARY), _WIDTH) * np.float32(8),
        "output_norm.weight": ones,
        "output.weight": output,
    }
    for layer in (f"blk.{number}" for number in range(_LAYERS)):
        tensors |= {
            f"{layer}.attn_norm.weight": ones,
            f"{layer}.attn_q.weight": draw(_WIDTH, _WIDTH),
            f"{layer}.attn_k.weight": draw(_HEAD_WIDTH, _WIDTH),
            f"{layer}.attn_v.weight": draw(_HEAD_WIDTH, _WIDTH),
            f"{layer}.attn_output.weight": draw(_WIDTH, _WIDTH),
            f"{layer}.ffn_norm.weight": ones,
            f"{layer}.ffn_gate.weight": draw(_HIDDEN, _WIDTH),
            f"{layer}.ffn_up.weight": draw(_HIDDEN, _WIDTH),
            f"{layer}.ffn_down.weight": draw(_WIDTH, _HIDDEN),
        }
    return tensors
