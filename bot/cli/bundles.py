"""What a person may call a model, the same wherever one is named: its folder, a shipped name, a registry's own."""

from pathlib import Path
from typing import Final

import click

from bot.core.errors import ModelError

BUNDLE_HELP: Final = "a folder, a shipped one by its name (reference-btc-1h, demo), or registry:FOLDER"
"""What stands behind `--bundle` in help."""


class BundleFolder(click.ParamType[Path]):
    """The folder of a bundle; see `bundle_folder`."""

    name = "bundle"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The folder."""
        del param, ctx
        return value if isinstance(value, Path) else bundle_folder(value)


def bundle_folder(text: str) -> Path:
    """
    Find the folder of the model that was named.

    What a registry had to put right is said on standard error.

    Args:
        text: A bundle's folder, the name of a shipped one, or `registry:FOLDER` for the model in use of a registry.

    Raises:
        ModelError: There is none of that name, a registry was named as if it were a bundle, or it has no whole model.
    """
    from bot.adapters.model_registry import REFERENCE, resolve_bundle
    from bot.compose.parts import REFERENCE_BUNDLE

    if text.startswith(REFERENCE):
        return resolve_bundle(Path(text), lambda said: click.echo(said, err=True))
    folder, shipped = Path(text), REFERENCE_BUNDLE.parent
    if is_registry(folder):
        raise ModelError(
            f"{folder} is a registry of models and no bundle: {REFERENCE}{folder} is the model that it has in use"
        )
    if folder.exists():
        return folder
    names = sorted(one.name for one in shipped.iterdir())
    if text in names:
        return shipped / text
    raise ModelError(
        f"there is no bundle {text}: name its folder, one that is shipped ({', '.join(names)}), "
        f"or {REFERENCE}FOLDER for the model in use of a registry"
    )


def is_registry(folder: Path) -> bool:
    """Whether a folder looks like one that `candlewick models` keeps."""
    return (folder / "bundles").is_dir() and not (folder / "manifest.json").exists()
