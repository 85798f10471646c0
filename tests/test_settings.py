"""The environment: what each variable means, and how a wrong value is told."""

from __future__ import annotations

import os

import pytest

from nukki import settings
from nukki.errors import InputError


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_offline_is_on(monkeypatch, value):
    monkeypatch.setenv("NUKKI_OFFLINE", value)
    assert settings.offline() is True


@pytest.mark.parametrize("value", [None, "", "0", "False", "no", "off"])
def test_offline_is_off(monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("NUKKI_OFFLINE", value)
    assert settings.offline() is False


def test_offline_is_neither():
    """A slip of the keyboard must not open the network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUKKI_OFFLINE", "maybe")
        with pytest.raises(
            InputError, match="`NUKKI_OFFLINE` must be 1 or 0, got 'maybe'"
        ) as caught:
            settings.offline()
    assert "NUKKI_OFFLINE=1" in caught.value.hint


@pytest.mark.parametrize(
    ("value", "device"), [(None, "auto"), ("", "auto"), (" CUDA ", "cuda"), ("cpu", "cpu")]
)
def test_device(monkeypatch, value, device):
    if value is not None:
        monkeypatch.setenv("NUKKI_DEVICE", value)
    assert settings.device() == device


@pytest.mark.parametrize(("value", "count"), [("1", 1), (" 3 ", 3), ("64", 64)])
def test_threads_that_were_asked_for(monkeypatch, value, count):
    monkeypatch.setenv("NUKKI_THREADS", value)
    assert settings.threads() == count


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5", "²"])
def test_threads_that_make_no_sense(monkeypatch, value):
    monkeypatch.setenv("NUKKI_THREADS", value)
    with pytest.raises(InputError, match="`NUKKI_THREADS` must be a whole number of at least 1"):
        settings.threads()


def test_threads_are_the_cores_otherwise():
    assert settings.threads() == settings.available_cores()
    assert 1 <= settings.available_cores() <= (os.cpu_count() or 1)


# --- control groups of Linux


def version_2(root, text):
    (root / "cpu.max").write_text(text)


def version_1(root, quota, period):
    folder = root / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (folder / "cpu.cfs_period_us").write_text(f"{period}\n")


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        pytest.param("max 100000\n", None, id="no quota"),
        pytest.param("200000 100000\n", 2, id="two"),
        pytest.param("50000 100000\n", 1, id="half a core is one thread"),
        pytest.param("270000 100000\n", 3, id="rounded"),
        pytest.param("0 100000\n", None, id="nothing"),
        pytest.param("100000 0\n", None, id="no period"),
        pytest.param("many 100000\n", None, id="words"),
    ],
)
def test_quota_of_version_2(tmp_path, text, cores):
    version_2(tmp_path, text)
    assert settings._cgroup_cores(tmp_path) == cores


@pytest.mark.parametrize(
    ("quota", "period", "cores"),
    [(-1, 100_000, None), (400_000, 100_000, 4), (10_000, 100_000, 1), (100_000, 0, None)],
)
def test_quota_of_version_1(tmp_path, quota, period, cores):
    version_1(tmp_path, quota, period)
    assert settings._cgroup_cores(tmp_path) == cores


def test_version_2_is_asked_first(tmp_path):
    version_1(tmp_path, 400_000, 100_000)
    version_2(tmp_path, "200000 100000\n")
    assert settings._cgroup_cores(tmp_path) == 2


def test_a_version_2_file_that_cannot_be_read_leaves_version_1(tmp_path):
    version_1(tmp_path, 300_000, 100_000)
    version_2(tmp_path, "\n")
    assert settings._cgroup_cores(tmp_path) == 3


def test_no_control_group(tmp_path):
    assert settings._cgroup_cores(tmp_path) is None


@pytest.fixture
def cores(monkeypatch):
    """A function: the cores that are found for an affinity and a quota."""
    settings.available_cores.cache_clear()

    def found(affinity, quota):
        settings.available_cores.cache_clear()
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(affinity)), raising=False)
        monkeypatch.setattr(settings, "_cgroup_cores", lambda _: quota)
        return settings.available_cores()

    yield found
    settings.available_cores.cache_clear()


@pytest.mark.parametrize(
    ("affinity", "quota", "expected"), [(8, None, 8), (8, 2, 2), (2, 8, 2), (1, 1, 1)]
)
def test_the_smaller_of_affinity_and_quota_counts(cores, affinity, quota, expected):
    assert cores(affinity, quota) == expected


def test_a_system_without_affinity(cores, monkeypatch):
    cores(4, None)
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    settings.available_cores.cache_clear()
    assert settings.available_cores() == 1


# --- folders


def test_one_home_holds_models_and_cards(monkeypatch, tmp_path):
    monkeypatch.setenv("NUKKI_HOME", str(tmp_path))
    assert settings.models_folder() == tmp_path / "models"
    assert settings.cards_folder() == tmp_path / "cards"


def test_a_home_may_start_at_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("NUKKI_HOME", "~/nukki")
    assert settings.models_folder() == tmp_path / "nukki" / "models"


def test_without_a_home_the_systems_folders_are_used(monkeypatch, tmp_path):
    monkeypatch.delenv("NUKKI_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    models, cards = settings.models_folder(), settings.cards_folder()
    assert (models.name, cards.name) == ("models", "cards")
    assert "nukki" in models.parts
    assert "nukki" in cards.parts
    assert not models.exists()


@pytest.mark.skipif(os.name != "posix", reason="users without a home are found on POSIX only")
@pytest.mark.parametrize("folder", [settings.models_folder, settings.cards_folder])
def test_a_user_without_a_home_is_told_what_to_set(monkeypatch, folder):
    """A container that runs as a number without a line in /etc/passwd."""
    for name in ("NUKKI_HOME", "HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    with pytest.raises(InputError, match="no home folder") as caught:
        folder()
    assert "NUKKI_HOME" in caught.value.hint
