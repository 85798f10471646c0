"""`nukki replace`: another background behind the subject, or somebody else into the photo."""

from __future__ import annotations

import argparse
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nukki.cli import cutting
from nukki.cli.arguments import add_options, options_from
from nukki.cli.network import add_fetching, loading
from nukki.cli.report import say
from nukki.cli.target import check_file
from nukki.errors import InputError, NothingFound
from nukki.pipelines.options import OutputOptions, ReadOptions, RemoveOptions, RunOptions, option
from nukki.pipelines.replace_options import AddOptions, PlaceOptions

if TYPE_CHECKING:
    from nukki.batch.plan import Plan
    from nukki.pipelines.backgrounds import Background
    from nukki.pipelines.results import Cutout
    from nukki.pipelines.sheets import Replaced

__all__ = ["add", "handle"]

_EPILOG = """\
what comes behind the subject, with --with:
  white, #ff8800, …      a colour
  beach.jpg              a picture; --fit says how it fills the canvas
  blur                   the photo's own background, out of focus; ./blur is a file
  transparent            nothing; with --shadow and --outline, which stay

a shop picture:  nukki replace shoe.jpg --with white --size 1200x1200 --margin 5% --place mass \\
                   --shadow contact -o shoe-shop.jpg
a sticker:       nukki replace cat.jpg --with transparent --outline 14,white --shadow drop
an absent one:   nukki replace team.jpg --add me.jpg --place 70%,55% --match-head --light-match \\
                   --behind 2,3 -o team-whole.jpg
                 (`nukki segment team.jpg -o numbered.jpg` shows the numbers)

where results go, and what happens to files that are there: as for `nukki remove`.
  -o b.ora               layers, as OpenRaster: for Krita, GIMP and other editors
  --layers DIR           background.png, shadow.png, outline.png, subject.png, … in DIR, beside the
                         result; of several pictures in a folder each, DIR/NAME/

exit codes:
  0 done; 1 a picture failed; 2 wrong usage; 3 nothing found in any picture, nobody in the picture
  that is added, or nobody whom --behind means; 130 interrupted
"""


@dataclass(frozen=True, kw_only=True)
class ReplaceOutput(OutputOptions):
    """How results are written."""

    format: str | None = option(
        None,
        "png, webp, avif, tiff, jpeg, ora (default: from the name)",
        choices=("png", "webp", "avif", "tiff", "jpeg", "ora"),
    )


def add(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command to the command line."""
    command = commands.add_parser(
        "replace",
        help="another background, or somebody else in the photo",
        usage="nukki replace INPUT… --with COLOUR|FILE|blur|transparent [-o OUT] [options]\n"
        "       nukki replace INPUT… --add PICTURE [-o OUT] [options]",
        description="Put the subject before another background, or somebody into the photo.",
        epilog=_EPILOG,
    )
    command.set_defaults(handler=handle)
    files = cutting.add_files(command)
    files.add_argument("--layers", metavar="DIR", help="write the layers as pictures, too")
    what = command.add_argument_group("what is replaced")
    what.add_argument(
        "--with",
        dest="background",
        metavar="WHAT",
        help="the background: a colour, a picture file, blur, transparent",
    )
    what.add_argument("--add", metavar="FILE", help="a picture of somebody who comes into it")
    tables = (AddOptions, PlaceOptions, RemoveOptions, ReplaceOutput, ReadOptions, RunOptions)
    for options in tables:
        add_options(command, options)
    # `--with` is the name here; two names for one thing would be one too many in the help.
    command._option_string_actions["--background"].help = argparse.SUPPRESS
    models = command.add_argument_group("fetching the network")
    add_fetching(models)


@dataclass(frozen=True, kw_only=True)
class Job(cutting.Job["Replaced"]):
    """Everything about a run but the pictures.

    Attributes:
        place: Where the subject goes and what it gets there.
        how: How somebody is added.
        behind: The background, read once; None where somebody is added.
        somebody: The cut-out that is added, made once.
        layers: The folder of layers.
        root: What the folders of several pictures' layers are named from; None of a single one,
            whose layers lie in that folder itself.
    """

    place: PlaceOptions
    how: AddOptions
    behind: Background | None = None
    somebody: Cutout | None = None
    layers: Path | None = None
    root: Path | None = None

    def make(self, source: bytes | Path) -> Replaced:
        """Put one picture together."""
        from nukki import api

        call: dict[str, Any] = {
            **asdict(self.read),
            **loading(self.run),
            "accept_licence": self.accept_licence,
        }
        if self.somebody is not None:
            wish = {"instances": self.remove.instances, **_set(self.place), **asdict(self.how)}
            return api.replace(source, add=self.somebody, **wish, **call)
        cut = api.remove(source, **asdict(self.remove) | {"background": None}, **call)
        if not cut.found and not self.allow_empty:
            return cut.over("transparent")  # is not written: nothing is put together for it
        return cut.over(self.behind or "transparent", **_set(self.place))

    def write(self, made: Replaced, target: Path | None) -> None:
        """Write the picture, after its layers: a finished result has them."""
        if self.layers is not None:
            folder = self.layers
            if self.root is not None and target is not None:
                folder = folder / target.absolute().relative_to(self.root).with_suffix("")
            self.check_layers(folder)
            cutting.make_folder(folder)
            made.save_layers(folder)
        how: dict[str, Any] = {
            "png": self.output.png,
            "quality": self.output.quality,
            "lossless": self.output.lossless,
        }
        cutting.write_out(made, target, self.output.format, **how)

    def check_layers(self, folder: Path) -> None:
        """Refuse a folder whose layers would be replaced, unless that is asked for."""
        if self.overwrite or self.resume:
            return
        for name in LAYERS:
            path = folder / f"{name}.png"
            if path.exists() or path.is_symlink():
                message = f"`{path}` is there already"
                raise InputError(message, hint="give --overwrite, or --layers another folder")


def _set(options: PlaceOptions) -> dict[str, Any]:
    """The options as keyword arguments, shallow: their values may be tuples."""
    return {name: getattr(options, name) for name in PlaceOptions.__dataclass_fields__}


def handle(args: argparse.Namespace) -> int:
    """Run the command; gives its exit code."""
    job = Job(
        remove=options_from(args, RemoveOptions),
        place=options_from(args, PlaceOptions),
        how=options_from(args, AddOptions),
        output=options_from(args, ReplaceOutput),
        read=options_from(args, ReadOptions),
        run=options_from(args, RunOptions),
        layers=None if args.layers is None else Path(args.layers),
        overwrite=args.overwrite,
        resume=args.resume,
        allow_empty=args.allow_empty,
        accept_licence=args.accept_licence,
    )
    from nukki.batch.plan import plan

    kind = job.output.format or "png"
    planned = plan(args.inputs, args.output, ending=_ENDINGS.get(kind, f".{kind}"))
    _check(planned, job, args)
    if args.dry_run:
        return cutting.print_plan(planned, job, as_json=args.json)
    if not planned.single:
        job = replace(job, root=_root(planned))
    if planned.items:
        job = _prepared(planned, job, args)
    return cutting.run(planned, job, args)


_ENDINGS = {"jpeg": ".jpg"}
LAYERS = ("background", "shadow", "outline", "subject", "in-front")


def _root(planned: Plan) -> Path | None:
    """The folder that holds all results."""
    parents = [str(one.target.absolute().parent) for one in planned.items if one.target is not None]
    return Path(os.path.commonpath(parents)) if parents else None


def _check(planned: Plan, job: Job, args: argparse.Namespace) -> None:
    """Refuse what cannot end well, before any work is done."""
    from nukki.io.encode import format_of, supports_alpha
    from nukki.pipelines.sheets import is_openraster

    background = getattr(args, "background", None)
    if (background is None) == (args.add is None):
        message = "`--with` or `--add` must say what is replaced, and not both"
        raise InputError(message, hint="give --with white, --with beach.jpg, or --add me.jpg")
    mine = [name for name in AddOptions.__dataclass_fields__ if hasattr(args, name)]
    if mine and args.add is None:
        message = f"`--{mine[0].replace('_', '-')}` goes with --add"
        raise InputError(message, hint="give --add FILE, the picture of somebody to add")
    cutting.check_pipe(planned, args)
    target = planned.items[0].target if planned.single else None
    if target is None:
        name = job.output.format or "png"
    elif is_openraster(target, job.output.format):
        name = "ora"
    else:
        name = format_of(target, job.output.format)
    if background == "transparent" and name != "ora" and not supports_alpha(name):
        message = f"{name.upper()} has no transparency, and the background is transparent"
        raise InputError(message, hint="give --with white, or write PNG, WebP, AVIF or TIFF")
    cutting.check_standing(planned, job, args)
    if job.layers is not None and planned.single and not args.dry_run:
        job.check_layers(job.layers)
    cutting.check_report(planned, args)
    for item in planned.items:
        if item.target is not None:
            check_file(item.target, sources=(background or args.add,), overwrite=True)


def _prepared(planned: Plan, job: Job, args: argparse.Namespace) -> Job:
    """Networks, folders, the background and who is added, so that they fail once, not often."""
    from nukki.pipelines.backgrounds import background_of

    if args.add is None:
        job = replace(job, behind=background_of(args.background, "with"))
    cutting.ready_networks(job, args)
    if args.add is not None:
        job = replace(job, somebody=_somebody(job, args))
    if planned.folder is not None:
        cutting.make_folder(planned.folder)
    return job


def _somebody(job: Job, args: argparse.Namespace) -> Cutout:
    """The cut-out that is added."""
    from nukki import api

    cut = api.remove(
        args.add,
        **asdict(job.remove),
        **asdict(job.read),
        **loading(job.run),
        accept_licence=job.accept_licence,
    )
    if not args.quiet:
        for note in cut.notes:
            say(f"note: `{args.add}`: {note}")
    if not cut.found:
        message = f"no subject was found in `{args.add}` (confidence {cut.confidence:.2f})"
        raise NothingFound(message, hint="say what counts as the subject: --subject people")
    return cut
