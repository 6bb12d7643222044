"""The knowledge in ASI-Evolve's init_cognition.py, read from its syntax tree: nothing of it is run."""

from __future__ import annotations

import ast
from pathlib import Path

from evolver.tasks.source_files import tree_of

DEEPEST = 5
"""Names that are followed from one to the next."""
_ADDERS = ("add", "add_batch", "add_item", "add_items")


def cognition_notes(path: Path) -> dict[str, str]:
    """One markdown note of the texts that are added to the cognition store; none without such a file."""
    if not path.is_file():
        return {}
    tree = tree_of(path)
    known = _Constants(tree)
    items = dict[str, str]()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "CognitionItem":
            said = {word.arg: known.text(word.value) for word in node.keywords}
            content = said.get("content") or (known.text(node.args[0]) if node.args else "")
            items.setdefault(content, said.get("source") or "")
        elif name in _ADDERS:
            for text in [text for argument in node.args for text in known.texts(argument)]:
                items.setdefault(text, "")
    parts = [
        f"## {source or f'Knowledge {place}'}\n\n{content.strip()}\n"
        for place, (content, source) in enumerate(items.items(), 1)
        if content.strip()
    ]
    return {"cognition.md": "# Knowledge\n\n" + "\n".join(parts)} if parts else {}


class _Constants:
    """Texts and lists of texts that a module assigns to names."""

    def __init__(self, tree: ast.Module) -> None:
        self._values = {
            target.id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def text(self, node: ast.expr, depth: int = 0) -> str:
        """The text that an expression gives, as far as that can be read; empty otherwise."""
        match node:
            case ast.Constant(value=str(found)):
                return found
            case ast.JoinedStr():
                return "".join(self.text(part) for part in node.values)
            case ast.BinOp(op=ast.Add()):
                return self.text(node.left, depth) + self.text(node.right, depth)
        inner = self._inner(node)
        return self.text(inner, depth + 1) if inner is not None and depth < DEEPEST else ""

    def _inner(self, node: ast.expr) -> ast.expr | None:
        """The expression that gives the same text, where a name or a call that only trims stands for it."""
        match node:
            case ast.Name(id=name):
                return self._values.get(name)
            case ast.Call(func=ast.Attribute(value=value, attr="strip" | "dedent" | "rstrip" | "lstrip"), args=args):
                return args[0] if args else value
            case ast.Call(func=ast.Name(id="dedent"), args=[first]):
                return first
        return None

    def texts(self, node: ast.expr, depth: int = 0) -> list[str]:
        """The texts in an expression that is a text or a list of them."""
        match node:
            case ast.List() | ast.Tuple() | ast.Set():
                return [text for item in node.elts for text in self.texts(item, depth)]
            case ast.Dict():
                return [
                    self.text(value)
                    for key, value in zip(node.keys, node.values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == "content"
                ]
            case ast.Name(id=name) if name in self._values and depth < DEEPEST:
                return self.texts(self._values[name], depth + 1)
        text = self.text(node, depth)
        return [text] if text else []
