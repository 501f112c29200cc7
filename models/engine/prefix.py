"""Which cached prefix a prompt can reuse. Pure functions over token lists."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence


def common(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the common prefix of two token lists.

    Compares slices, which run in C: twice as long ones as far as they agree, then halves of the
    first that does not. So little is copied of lists that part early, as most pairs do.
    """
    end, low, step = min(len(a), len(b)), 0, 32
    while low < end and a[low : (high := min(low + step, end))] == b[low:high]:
        low, step = high, 2 * step
    high = min(low + step, end)
    while high - low > 1:
        middle = (low + high) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    return low


def respell(
    canonical: list[int],
    cached: Sequence[int],
    piece: Callable[[int], bytes],
    control: Collection[int],
) -> list[int]:
    """Spell a prompt with the tokens that are cached, as far as the two spell the same bytes.

    A model does not always sample the spelling its tokenizer would choose, so a rendered
    conversation, tokenized again, can differ from what is in the cache although the text is the
    same. The cached spelling is what the model saw and what is already evaluated. It is taken over
    up to the last place where the prompt goes on with a control token, or ends: across such a
    place no tokenizer merges, so the rest keeps its canonical spelling. Control tokens must meet
    control tokens: a mark that a person typed is spelled like one and must never become one.

    Args:
        canonical: the prompt as the tokenizer spells it.
        cached: tokens of one cached sequence.
        piece: the bytes of a token, control tokens spelled out.
        control: ids of the control tokens.

    Returns:
        tokens with the same bytes as `canonical`.
    """
    index = at = common(canonical, cached)
    best = (index, at)
    left = right = b""  # bytes of one side that the other has not come to yet
    while index < len(cached) or len(left) > len(right):
        if left == right == b"" and cached[index] in control:
            if at == len(canonical) or canonical[at] != cached[index]:
                break
            index, at = index + 1, at + 1
        elif len(left) <= len(right):
            if cached[index] in control:
                break  # a mark on this side meets plain text on the other
            left += piece(cached[index])
            index += 1
        else:
            if at == len(canonical) or canonical[at] in control:
                break
            right += piece(canonical[at])
            at += 1
        n = min(len(left), len(right))
        if left[:n] != right[:n]:
            break
        left, right = left[n:], right[n:]
        if left == right == b"" and (at == len(canonical) or canonical[at] in control):
            best = (index, at)
    taken, rest = best
    return [*cached[:taken], *canonical[rest:]]
