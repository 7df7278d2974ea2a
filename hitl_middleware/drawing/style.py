"""How drawings look. A page serves this as a style sheet (its CSP allows no other), a notebook puts it into the picture."""

from __future__ import annotations

from typing import Final

_DARK: Final = """
  --hd-paper: #1a1e25; --hd-ground: #12151a; --hd-line: #76818f; --hd-faint: #323944; --hd-text: #e5e8ed; --hd-soft: #a2abb8;
  --hd-good: #7ad6a0; --hd-good-soft: #16301f; --hd-bad: #ff9d96; --hd-bad-soft: #3a1a19; --hd-warn: #f2bd76; --hd-warn-soft: #35260f;
  --hd-accent: #8db2ff; --hd-accent-soft: #1c2840;"""

STYLE: Final = f"""/* drawings: colours first, dark ones after them (by the system, by JupyterLab, by VS Code) */
.hitl-drawing {{
  --hd-paper: #ffffff; --hd-ground: #f6f7f9; --hd-line: #98a1ae; --hd-faint: #dde1e7; --hd-text: #1b2028; --hd-soft: #59616e;
  --hd-good: #14683a; --hd-good-soft: #e3f4ea; --hd-bad: #a8201a; --hd-bad-soft: #fcebea; --hd-warn: #8a4a00; --hd-warn-soft: #fdf1dc;
  --hd-accent: #2257c5; --hd-accent-soft: #e8eefb;
}}
@media (prefers-color-scheme: dark) {{
  .hitl-drawing {{{_DARK}
  }}
}}
[data-jp-theme-light="false"] .hitl-drawing, .vscode-dark .hitl-drawing {{{_DARK}
}}
[data-jp-theme-light="true"] .hitl-drawing, .vscode-light .hitl-drawing {{
  --hd-paper: #ffffff; --hd-ground: #f6f7f9; --hd-line: #98a1ae; --hd-faint: #dde1e7; --hd-text: #1b2028; --hd-soft: #59616e;
  --hd-good: #14683a; --hd-good-soft: #e3f4ea; --hd-bad: #a8201a; --hd-bad-soft: #fcebea; --hd-warn: #8a4a00; --hd-warn-soft: #fdf1dc;
  --hd-accent: #2257c5; --hd-accent-soft: #e8eefb;
}}
.hitl-drawing {{ display: block; font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }}
.hitl-drawing text {{ fill: var(--hd-text); font-weight: 400; }}
.hitl-drawing .soft {{ fill: var(--hd-soft); }}
.hitl-drawing .node > rect {{ fill: var(--hd-paper); stroke: var(--hd-line); }}
.hitl-drawing .node.start > rect, .hitl-drawing .node.end > rect {{ fill: var(--hd-faint); stroke: none; }}
.hitl-drawing .node.human > rect {{ stroke: var(--hd-accent); stroke-width: 1.5; }}
.hitl-drawing .node.subgraph > rect {{ fill: var(--hd-ground); stroke: var(--hd-faint); stroke-width: 1.5; }}
.hitl-drawing .node.done > rect {{ fill: var(--hd-good-soft); stroke: var(--hd-good); }}
.hitl-drawing .node.waiting > rect {{ fill: var(--hd-warn-soft); stroke: var(--hd-warn); stroke-width: 2.5; }}
.hitl-drawing .node.failed > rect {{ fill: var(--hd-bad-soft); stroke: var(--hd-bad); stroke-width: 2; }}
.hitl-drawing .node.unknown > rect {{ fill: var(--hd-warn-soft); stroke: var(--hd-warn); stroke-width: 2; stroke-dasharray: 5 3; }}
.hitl-drawing .node.running > rect {{ fill: var(--hd-accent-soft); stroke: var(--hd-accent); stroke-width: 2; }}
.hitl-drawing .node.next > rect {{ stroke: var(--hd-accent); stroke-width: 1.5; stroke-dasharray: 5 3; }}
.hitl-drawing .node.subgraph.done > rect, .hitl-drawing .node.subgraph.waiting > rect, .hitl-drawing .node.subgraph.failed > rect,
.hitl-drawing .node.subgraph.running > rect, .hitl-drawing .node.subgraph.unknown > rect {{ fill: var(--hd-ground); stroke-width: 1.5; }}
.hitl-drawing .done > .mark {{ fill: var(--hd-good); }}
.hitl-drawing .waiting > .mark, .hitl-drawing .unknown > .mark {{ fill: var(--hd-warn); font-weight: 600; }}
.hitl-drawing .failed > .mark {{ fill: var(--hd-bad); font-weight: 600; }}
.hitl-drawing .running > .mark, .hitl-drawing .next > .mark {{ fill: var(--hd-accent); }}
.hitl-drawing .edge > path {{ fill: none; stroke: var(--hd-line); stroke-width: 1.25; }}
.hitl-drawing .edge > .head {{ fill: var(--hd-line); stroke: none; }}
.hitl-drawing .edge.conditional > .way {{ stroke-dasharray: 4 3; }}
.hitl-drawing .edge.taken > path {{ stroke: var(--hd-good); stroke-width: 2; }}
.hitl-drawing .edge.taken > .head {{ fill: var(--hd-good); stroke: none; }}
.hitl-drawing .stretch > rect {{ fill: var(--hd-accent); }}
.hitl-drawing .stretch.is-failed > rect {{ fill: var(--hd-bad); }}
.hitl-drawing .stretch.is-unknown > rect {{ fill: var(--hd-paper); stroke: var(--hd-warn); stroke-width: 2; }}
.hitl-drawing .stretch.by-human > rect {{ fill: var(--hd-warn); }}
.hitl-drawing .stretch.by-human > .took {{ fill: var(--hd-paper); font-weight: 600; }}
.hitl-drawing > .wait {{ fill: var(--hd-warn-soft); }}
.hitl-drawing .axis, .hitl-drawing .rule {{ stroke: var(--hd-faint); }}
"""
