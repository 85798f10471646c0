"""Devices: choosing is pure, an absent one is an error with the line that brings it."""

from __future__ import annotations

import pytest

from nukki.errors import InputError, ProviderError
from nukki.runtime.devices import AUTOMATIC, PROVIDERS, choose, device_names

CPU = ["AzureExecutionProvider", "CPUExecutionProvider"]


def test_auto_takes_the_cpu_where_nothing_else_is_there():
    """A provider that is no device of ours (Azure) is not mistaken for one."""
    choice = choose("auto", CPU)
    assert choice.devices == ("cpu",)
    assert "no graphics provider" in choice.reason


def test_auto_tries_the_best_first_and_the_cpu_last():
    choice = choose("auto", ["CPUExecutionProvider", "CUDAExecutionProvider"])
    assert choice.devices == ("cuda", "cpu")


@pytest.mark.parametrize("device", ["coreml", "openvino", "tensorrt"])
def test_auto_never_takes_a_device_that_changes_the_answer(device):
    providers = [PROVIDERS[device], "CPUExecutionProvider"]
    assert choose("auto", providers).devices == ("cpu",)
    assert choose(device, providers).devices == (device,)


@pytest.mark.parametrize("device", sorted(set(PROVIDERS) - {"cpu"}))
def test_an_absent_device_is_an_error_with_a_pip_line(device):
    with pytest.raises(ProviderError, match=f"`device` {device} .* which has cpu") as caught:
        choose(device, CPU)
    assert "pip install" in caught.value.hint


def test_the_line_for_cuda_is_the_extra():
    with pytest.raises(ProviderError) as caught:
        choose("cuda", CPU)
    assert 'pip install "nukki[gpu]"' in caught.value.hint


def test_an_unknown_word_is_not_a_device():
    with pytest.raises(InputError, match="got 'gpu'") as caught:
        choose("gpu", CPU)
    assert "auto, cpu" in caught.value.hint


def test_no_known_device_at_all():
    with pytest.raises(ProviderError):
        choose("auto", ["AzureExecutionProvider"])


def test_names_come_in_one_order():
    assert device_names(["CUDAExecutionProvider", "CPUExecutionProvider"]) == ("cpu", "cuda")
    assert set(AUTOMATIC) <= set(PROVIDERS)
