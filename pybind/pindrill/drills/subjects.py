"""The clients of a drill: from client files and from the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pindrill.clients import Driver
from pindrill.clients.adapter import AdapterDriver
from pindrill.clients.callable import CallableDriver, ClientFunction
from pindrill.clients.client_file import ClientFile, Known, read_client_file
from pindrill.clients.command import CommandDriver
from pindrill.drills.cells import Pinning
from pindrill.http_response import Respond
from pindrill.model import RFC7469, STRATEGY, Semantics, Strategy, Unsupported, UsageError

MakeDriver = Callable[[Path, Sequence[str]], Driver]
"""With a directory of its own, and what stands before its programs so that names resolve for them."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One client to be drilled."""

    name: str
    version: str
    semantics: Semantics
    respond: Respond
    make_driver: MakeDriver
    repeat: tuple[str, ...] = ()
    """The end of the command that drills it again; none: it is no program."""
    repeats: str = ""
    """The whole command that repeats any cell of it, where it is of another program."""
    known: tuple[Known, ...] = ()
    file: Path | None = None
    """The client file that it is from."""
    tells_pins: bool = False
    """False: the client's pins are compiled in, or it has none."""
    resolves_itself: bool = False
    """It does without names that resolve: its command is told the address, or it is a function."""


@dataclass(frozen=True, kw_only=True)
class ClientOptions:
    """The options that hold for every client of the run."""

    environment: dict[str, str]
    semantics: Semantics | None
    respond: Path | None
    ignore_exit_code: bool

    @property
    def repeat(self) -> tuple[str, ...]:
        options = [part for name, value in self.environment.items() for part in ("--env", f"{name}={value}")]
        options += ["--respond", str(self.respond)] if self.respond else []
        options += ["--exit-code", "ignore"] if self.ignore_exit_code else []
        return tuple(options)


def read_subjects(
    command: Sequence[str], files: Sequence[Path], adapter: bool, given: ClientOptions, folder: Path | None = None
) -> list[Subject]:
    """`folder`: where the command runs; without one the caller's directory. That of a file runs in its folder."""
    if not command and not files:
        raise UsageError("no client: give `-- COMMAND`, or --client FILE")
    if folder and not command:
        raise UsageError("--directory is for the command behind `--`; that of a client file runs in the file's folder")
    if folder and not folder.is_dir():
        raise UsageError(f"--directory: {folder} is no folder")
    answer = Respond.from_file(given.respond) if given.respond else None
    found = [_from_file(read_client_file(path), answer, given) for path in files]
    if command:
        found.append(_from_command(command, adapter, answer, given, folder))
    names_ = [subject.name for subject in found]
    for name in names_:
        if names_.count(name) > 1:
            raise UsageError(f"two clients are called '{name}'; results are told apart by the name")
    return [_probed(subject) for subject in found]


def subject_of(
    client: ClientFunction | Sequence[str] | Path, *, pinned: str | None, semantics: Semantics | None = None
) -> Subject:
    """A function, a command or a client file, as Python names it."""
    if callable(client):
        name = getattr(client, "__qualname__", type(client).__name__)
        return function_subject(
            client, name=name, told=pinned is None, semantics=semantics or RFC7469, repeats=f"Lab().drill({name}, …)"
        )
    given = ClientOptions(environment={}, semantics=semantics, respond=None, ignore_exit_code=False)
    if isinstance(client, Path):
        return _probed(_from_file(read_client_file(client), None, given))
    if isinstance(client, str) or not client:
        raise UsageError(
            f"a client is a function, a command as a list of words, or the Path of a client file: {client!r}"
        )
    return _probed(_from_command(client, False, None, given, None))


def function_subject(
    client: ClientFunction,
    *,
    name: str,
    told: bool,
    semantics: Semantics = RFC7469,
    repeats: str = "",
    cannot: tuple[type[BaseException], ...] = (Unsupported,),
) -> Subject:
    """`told`: its pins are those of the target. `cannot`: what it raises where it cannot do what it is told."""
    return Subject(
        name=name,
        version="",
        semantics=semantics,
        respond=Respond(),
        make_driver=lambda directory, launcher: CallableDriver(client, told=told, cannot=cannot),
        repeats=repeats,
        tells_pins=told,
        resolves_itself=True,
    )


def _probed(subject: Subject) -> Subject:
    """A driver is made to say now what cannot be run."""
    driver = subject.make_driver(Path(), ())
    return replace(
        subject,
        tells_pins=driver.expresses_pins,
        resolves_itself=isinstance(driver, CommandDriver) and "address" in driver.used,
    )


def _from_file(file: ClientFile, answer: Respond | None, given: ClientOptions) -> Subject:
    def make(directory: Path, launcher: Sequence[str]) -> Driver:
        return file.make_driver(directory, given.environment, given.ignore_exit_code, launcher)

    return Subject(
        name=file.name,
        version=file.version,
        semantics=given.semantics or file.semantics,
        respond=answer or file.respond,
        make_driver=make,
        repeat=(*given.repeat, "--client", str(file.path)),
        known=file.known,
        file=file.path,
    )


def _from_command(
    command: Sequence[str], adapter: bool, answer: Respond | None, given: ClientOptions, folder: Path | None
) -> Subject:
    environment, start = given.environment, folder and folder.absolute()

    def make(directory: Path, launcher: Sequence[str]) -> Driver:
        if adapter:
            return AdapterDriver(command, directory=directory, environment=environment, folder=start, launcher=launcher)
        return CommandDriver(
            command,
            environment=environment,
            ignore_exit_code=given.ignore_exit_code,
            folder=start,
            launcher=launcher,
        )

    options = [*(["--directory", str(folder)] if folder else []), *(["--adapter"] if adapter else [])]

    return Subject(
        name=Path(command[0]).name,
        version="",
        semantics=given.semantics or RFC7469,
        respond=answer or Respond(),
        make_driver=make,
        repeat=(*given.repeat, *options, "--", *command),
    )


def pinning_of(subject: Subject, pinned: str | None, keyring: Path | None) -> Pinning:
    if pinned is None:
        return "told" if subject.tells_pins else "presumed"
    if pinned != "none" and pinned not in STRATEGY:
        raise UsageError(f"--pinned is none or a strategy ({', '.join(STRATEGY)}), not '{pinned}'")
    if subject.tells_pins:
        raise UsageError("--pinned is for pins that are compiled in, but the client command has a pin placeholder")
    if pinned == "none":
        return "none"
    if keyring is None:
        raise UsageError("--pinned needs the keyring that the compiled-in pins were made from: --keyring DIR")
    return "compiled"


def refuse_strategies_without_pins(
    subjects: Sequence[Subject], strategies: Sequence[Strategy] | None, pinned: str | None, keyring: Path | None
) -> None:
    for subject in subjects:
        if pinning_of(subject, pinned, keyring) != "told" and strategies is not None:
            raise UsageError(
                f"--strategy: {subject.name} cannot be told its pins, its command has no pin placeholder; "
                "say what is compiled in with --pinned"
            )
