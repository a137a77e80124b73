"""A disk that forgets what was not synced, tears it, or is never heard of again after its n-th operation.

The folder `root` shows what a program sees while the power is on. Beside it stands what is durable: a file's contents
as of its last sync, a name as of the last sync of its folder. A rename within a folder is one act, as every file
system in use has it; one across folders is durable in each with that folder, so it may leave the file under both
names. What a tear leaves is chosen by a seeded generator: any of the acts not yet durable, any tail of what was
appended, any block inside it as zeros.
"""

import copy
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from collector.evidence.store import Disk, DiskFile, SystemDisk

BLOCK = 64
_HANDED_ON = ("Output.sync", "Store.sync_tree")


class PowerCut(BaseException):
    """The power is gone; no handler of errors may catch it."""


class Node:
    """A file or folder: contents or names as seen, and as durable."""

    def __init__(self) -> None:
        self.seen = b""
        self.durable = b""
        self.names: dict[str, Node] = {}
        self.durable_names: dict[str, Node] = {}
        self.is_folder = False


class Act:
    """Names changing in one or two folders at once; those already durable are taken out."""

    def __init__(self, *effects: tuple[Node, str, Node | None]) -> None:
        self.effects = list(effects)

    def harden(self, chosen: Callable[[tuple[Node, str, Node | None]], bool]) -> None:
        for effect in [effect for effect in self.effects if chosen(effect)]:
            folder, name, node = effect
            if node is None:
                folder.durable_names.pop(name, None)
            else:
                folder.durable_names[name] = node
            self.effects.remove(effect)


class UnreliableFile:
    def __init__(self, disk: "UnreliableDisk", node: Node, real: DiskFile) -> None:
        self._disk = disk
        self._node = node
        self._real = real

    def write(self, data: bytes) -> int:
        self._disk.tick()
        self._node.seen += data
        return self._real.write(data)

    def sync(self) -> None:
        self._disk.tick()
        if not self._disk.skips("contents"):
            self._node.durable = self._node.seen

    def close(self) -> None:
        self._real.close()


class UnreliableDisk:
    """See the module; `cut_after` operations the power goes, what the function `deaf_to` syncs is not."""

    def __init__(self, root: Path, *, cut_after: int | None = None, deaf_to: str | None = None) -> None:
        self.root = root
        self.operations = 0
        self.cut_after = cut_after
        self.deaf_to = deaf_to
        self.sync_sites: set[str] = set()
        self._real: Disk = SystemDisk()
        self._acts: list[Act] = []
        self._top = _load(root)
        self._files: list[DiskFile] = []

    def die(self) -> None:
        """Let go of the files that a killed process has open."""
        for file in self._files:
            file.close()

    def tick(self) -> None:
        if self.cut_after is not None and self.operations >= self.cut_after:
            raise PowerCut
        self.operations += 1

    def skips(self, what: str) -> bool:
        site = f"{what}: {_caller(sys._getframe(1))}"
        self.sync_sites.add(site)
        return site == self.deaf_to

    def make_folder(self, path: Path) -> None:
        self.tick()
        self._real.make_folder(path)
        above = self._node(path.parent)
        if path.name not in above.names:
            node = Node()
            node.is_folder = True
            self._change((above, path.name, node))

    def create(self, path: Path) -> DiskFile:
        self.tick()
        real, node = self._real.create(path), Node()
        self._change((self._node(path.parent), path.name, node))
        self._files.append(real)
        return UnreliableFile(self, node, real)

    def extend(self, path: Path) -> DiskFile:
        self.tick()
        real = self._real.extend(path)
        self._files.append(real)
        return UnreliableFile(self, self._node(path), real)

    def rename(self, source: Path, target: Path) -> None:
        self.tick()
        self._real.rename(source, target)
        node = self._node(source)
        self._change((self._node(target.parent), target.name, node), (self._node(source.parent), source.name, None))

    def truncate(self, path: Path, length: int) -> None:
        self.tick()
        self._real.truncate(path, length)
        node = self._node(path)
        node.seen = node.seen[:length]

    def remove(self, path: Path) -> None:
        self.tick()
        self._real.remove(path)
        self._change((self._node(path.parent), path.name, None))

    def remove_tree(self, path: Path) -> None:
        self.tick()
        self._real.remove_tree(path)
        self._change((self._node(path.parent), path.name, None))

    def sync_folder(self, path: Path) -> None:
        self.tick()
        node = self._node(path)
        if not self.skips("names"):
            for act in self._acts:
                act.harden(lambda effect: effect[0] is node)
            self._acts = [act for act in self._acts if act.effects]

    def after(self, fate: str, target: Path, seed: int = 0) -> Path:
        """Build in `target` what is found when the power is back: lose, keep or tear what was not durable."""
        chance = random.Random(seed)
        top, acts = copy.deepcopy((self._top, self._acts))
        for act in acts:
            if fate == "keep":
                act.harden(lambda _: True)
            elif fate == "tear":
                act.harden(_torn_act(act, chance))
        _write(top, target, _contents(fate, chance))
        return target

    def _node(self, path: Path) -> Node:
        node = self._top
        for name in path.relative_to(self.root).parts:
            node = node.names[name]
        return node

    def _change(self, *effects: tuple[Node, str, Node | None]) -> None:
        for folder, name, node in effects:
            if node is None:
                del folder.names[name]
            else:
                folder.names[name] = node
        self._acts.append(Act(*effects))


def _caller(frame: FrameType | None) -> str:
    """Name the function that asked for a sync, passing over what only hands it on."""
    while frame and (frame.f_code.co_filename == __file__ or frame.f_code.co_qualname in _HANDED_ON):
        frame = frame.f_back
    assert frame
    return f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_qualname}"


def _load(path: Path) -> Node:
    """Take what is in a real folder for durable."""
    node = Node()
    if path.is_dir():
        node.is_folder = True
        node.names = {below.name: _load(below) for below in path.iterdir()}
        node.durable_names = dict(node.names)
    else:
        node.seen = node.durable = path.read_bytes()
    return node


def _torn_act(act: Act, chance: random.Random) -> Callable[[tuple[Node, str, Node | None]], bool]:
    folders = {id(folder) for folder, _, _ in act.effects}
    fate = chance.choice(("kept", "lost", "appeared") if len(folders) > 1 else ("kept", "lost"))
    return lambda effect: fate == "kept" or (fate == "appeared" and effect[2] is not None)


def _contents(fate: str, chance: random.Random) -> Callable[[Node], bytes]:
    if fate != "tear":
        return lambda node: node.seen if fate == "keep" else node.durable
    return lambda node: _torn_contents(node, chance)


def _torn_contents(node: Node, chance: random.Random) -> bytes:
    if not node.seen.startswith(node.durable):
        return chance.choice((node.seen, node.durable))
    tail = node.seen[len(node.durable) :]
    tail = tail[: chance.choice((len(tail), chance.randint(0, len(tail))))]
    return node.durable + b"".join(_torn_blocks(tail, chance))


def _torn_blocks(tail: bytes, chance: random.Random) -> Iterator[bytes]:
    for start in range(0, len(tail), BLOCK):
        block = tail[start : start + BLOCK]
        yield bytes(len(block)) if chance.random() < 0.2 else block


def _write(node: Node, path: Path, contents: Callable[[Node], bytes]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, below in node.durable_names.items():
        if below.is_folder:
            _write(below, path / name, contents)
        else:
            (path / name).write_bytes(contents(below))
