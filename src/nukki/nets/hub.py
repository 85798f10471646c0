"""Networks that the library transformers defines; it is needed to convert them, not to run them.

Their modules hold the library's as `net`. The publishers' files keep the names of the library's
early releases; which names these are today, the library knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from nukki.errors import MissingExtra, pip_line

__all__ = ["library", "named_as_now"]


def library() -> Any:
    """The module `transformers`, which says nothing but errors from now on.

    Raises:
        MissingExtra: If it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        message = "this network is defined by the package transformers, which cannot be imported"
        raise MissingExtra(message, hint=pip_line("convert")) from error
    found: Any = transformers
    found.logging.set_verbosity_error()
    return found


def named_as_now(module: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A publisher's state dict under the names of a module that holds the library's as `net`.

    Args:
        module: Its weights are not looked at; it may lie on torch's device "meta".
        state: Tensors by the publisher's keys.

    Raises:
        MissingExtra: If the library is of a release that keeps these names elsewhere.
    """
    try:
        from transformers.conversion_mapping import get_model_conversion_mapping
        from transformers.core_model_loading import WeightRenaming, apply_renamings
    except ImportError as error:
        message = "this release of transformers does not tell how its weights were called before"
        raise MissingExtra(message, hint=pip_line("convert")) from error
    mapping: list[Any] = get_model_conversion_mapping(module.net)  # type: ignore[arg-type]
    renamings = [each for each in mapping if isinstance(each, WeightRenaming)]
    return {f"net.{apply_renamings(key, renamings)}": state[key] for key in state}
