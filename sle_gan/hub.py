"""The Hub of Hugging Face: generators are fetched from it and published on it, where that is asked for.

Its library (the extra `hub`) knows the address, the cache and the user's token. Imports it when something is fetched or
published, and no TensorFlow.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sle_gan.errors import InputError
from sle_gan.extras import require_extra

_PACKAGES = {"huggingface_hub": "huggingface-hub"}
_NAME = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)


class HubName(NamedTuple):
    """Where a generator lies on the Hub.

    Attributes:
        repository: its owner and name.
        revision: a branch, tag or commit; None for the newest.
    """

    repository: str
    revision: str | None


def hub_name(text: str) -> HubName:
    """Reads `OWNER/NAME`, or `OWNER/NAME@REVISION`.

    Raises:
        InputError: if it is neither.
    """
    match = _NAME.fullmatch(text)
    if match is None:
        raise InputError(f"a name on the Hub must be OWNER/NAME, such as ada/flowers; got {text!r}")
    return HubName(match[1], match[2])


def fetch(name: HubName, files: Sequence[str]) -> Path:
    """Fetches some files of a repository, or finds them where the library keeps what it has fetched before.

    Args:
        name: of the repository.
        files: their names; no others are fetched.

    Returns:
        The folder where they lie.

    Raises:
        InputError: if the library is not installed, there is no such repository, or it cannot be reached.
    """
    require_extra("hub", _PACKAGES, f"hf://{name.repository}")
    from huggingface_hub import snapshot_download

    with _one_line(f"hf://{name.repository} cannot be fetched"):
        return Path(snapshot_download(name.repository, revision=name.revision, allow_patterns=list(files)))


def check_publishing(repository: str) -> None:
    """Makes sure, before anything costly begins, that something can be published.

    Args:
        repository: owner and name.

    Raises:
        InputError: if the name is none, the library is not installed, or nobody is logged in.
    """
    if hub_name(repository).revision is not None:
        raise InputError(f"--push must be OWNER/NAME, without a revision; got {repository!r}")
    require_extra("hub", _PACKAGES, "--push")
    from huggingface_hub import get_token

    if get_token() is None:
        raise InputError("--push needs an account of the Hub: log in with `hf auth login`, or set HF_TOKEN")


def publish(folder: Path, repository: str, message: str) -> str:
    """Publishes a folder; a repository that is not there is made, and files of one that is there are replaced.

    Args:
        folder: all of whose files are published.
        repository: owner and name.
        message: of the commit.

    Returns:
        The address of the page.

    Raises:
        InputError: if the Hub cannot be reached or refuses it.
    """
    from huggingface_hub import HfApi

    with _one_line(f"{folder} is written and cannot be published as {repository}"):
        address = HfApi().create_repo(repository, exist_ok=True)
        HfApi().upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
    return str(address)


@contextlib.contextmanager
def _one_line(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the library's errors, and those of what it uses, have no base in common
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise InputError(f"{what} ({' '.join(lines[:2])})") from error
