"""What a fine-tuning did, as one HTML page that needs no other file."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..contract.finetuning import HOLDOUT_POLYGONS, FinetuneResult
from ..contract.notices import Notice, english

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --soft: #5b6773; --paper: #ffffff; --line: #d7dde3;
  --loss: #1f6fb2; --held: #c2571a; --good: #1c7c3c; --bad: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebf0; --soft: #a2adb8; --paper: #171c22; --line: #3a444e;
  --loss: #6cb4ee; --held: #f0965a; --good: #6fcf8d; --bad: #ff8a80; } }
body { margin: 2rem auto; max-width: 56rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; } tr.sum td { font-weight: 600; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em; border: 1px solid var(--line); }
.up { color: var(--good); } .down { color: var(--bad); } .soft { color: var(--soft); }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dd { margin: 0; overflow-wrap: anywhere; }
dt { color: var(--soft); }
"""
_ENDS = {
    "end": "all epochs were run",
    "early": "ended early, as the hold-out got no better",
    "enough": "ended by the user",
}
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 240, 48, 26  # of the plot, in units of its view box


def report_page(result: FinetuneResult) -> str:
    """The page, HTML of UTF-8."""
    title = escape(result.card.title)
    parent = result.card.fine_tuning["parent"]
    body = [
        f"<h1>{title}</h1>",
        f"<p>Made from {escape(parent['title'])} with {result.trained_polygons} polygons. {_verdict(result)}</p>",
        *_warnings(result.warnings),
        "<h2>Before and after</h2>",
        f"<p class=soft>{_measured_on(result)}</p>",
        _score_table(result),
        "<h2>How much changes</h2>",
        _facts(
            {
                "Labels that change in the image": f"{_percent(result.changed)} of a sample of its tiles",
                "Same label as the base model, away from the polygons": _percent(result.agreement),
                "What was learnt counts on": _where(result.card.fine_tuning["counts_on"]),
            }
        ),
        "<h2>Training</h2>",
        _plot(result.card.fine_tuning["training"]["epochs"]),
        f"<p class=soft>{result.epochs} epochs, {_ENDS[result.stopped]}; the state of epoch {result.best_epoch} was "
        f"kept. {result.seconds:.0f} seconds on {escape(result.device)}.</p>",
        "<h2>Polygons</h2>",
        _polygon_table(result),
        "<h2>How it was made</h2>",
        _facts(_made(result)),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n" + "\n".join(body) + "\n</body>\n</html>\n"
    )


def _where(share: float | None) -> str:
    return "every image" if share is None else f"{_percent(share)} of this image, and images that look like it"


def _verdict(result: FinetuneResult) -> str:
    before, after = result.before.mean_iou, result.after.mean_iou
    if before is None or after is None:
        return "There is nothing to judge it on."
    change = after - before
    word = "better" if change > 0 else "worse" if change < 0 else "neither better nor worse"
    return f"On {_polygons(result)} it is {word}: mean IoU {before:.3f} before, {after:.3f} after ({change:+.3f})."


def _polygons(result: FinetuneResult) -> str:
    if result.after.where == HOLDOUT_POLYGONS:
        return f"{result.holdout_polygons} held-out polygons"
    return "the very polygons that it was trained on"


def _measured_on(result: FinetuneResult) -> str:
    text = f"Measured on {result.after.pixels:,} pixels of {_polygons(result)}. IoU is intersection over union."
    if result.after.where != HOLDOUT_POLYGONS:
        text += " Such scores are flattering: they do not say how good the model is elsewhere."
    return text


def _warnings(warnings: Sequence[Notice]) -> list[str]:
    if not warnings:
        return []
    return [
        "<h2>Please note</h2>",
        "<ul>" + "".join(f"<li>{escape(english(told))}</li>" for told in warnings) + "</ul>",
    ]


def _score_table(result: FinetuneResult) -> str:
    colours = {c.name: c.colour for c in result.card.classes}
    before, after = result.before, result.after
    rows = [
        _row(_class_cell(name, colours.get(name, "")), before.iou.get(name), iou) for name, iou in after.iou.items()
    ]
    rows.append(_row("Mean IoU", before.mean_iou, after.mean_iou, "sum"))
    rows.append(_row("Accuracy", before.accuracy, after.accuracy, "sum"))
    head = "<tr><th scope=col>Class</th><th scope=col>Before</th><th scope=col>After</th><th scope=col>Change</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _row(name: str, before: float | None, after: float | None, kind: str = "") -> str:
    change, mark = "", ""
    if before is not None and after is not None:
        change = f"{after - before:+.3f}"
        mark = "up" if after > before else "down" if after < before else ""
    values = "".join(f"<td>{'' if value is None else f'{value:.3f}'}</td>" for value in (before, after))
    return f'<tr class="{kind}"><td>{name}</td>{values}<td class="{mark}">{change}</td></tr>'


def _class_cell(name: str, colour: str) -> str:
    return f'<span class=swatch style="background:{escape(colour)}"></span>{escape(name)}'


def _polygon_table(result: FinetuneResult) -> str:
    new = set(result.card.fine_tuning["polygons"]["new_classes"])
    rows = "".join(
        f"<tr><td>{_class_cell(c.name, c.colour)}{' (new)' if c.name in new else ''}</td>"
        f"<td>{c.polygons}</td><td>{c.area_m2:,.0f} m²</td></tr>"
        for c in result.classes
    )
    return f"<table><tr><th scope=col>Class</th><th scope=col>Polygons</th><th scope=col>Area</th></tr>{rows}</table>"


def _made(result: FinetuneResult) -> dict[str, str]:
    made = result.card.fine_tuning
    parameters = made["parameters"]
    image = [made["image"]["input"], *(made["image"]["sentinel2"] or ())]
    return {
        "Model": f"{result.card.id}, weights {result.card.weights_digest}",
        "Made from": f"{made['parent']['id']}, weights {made['parent']['weights']}",
        "Image": ", ".join(image),
        "Polygons": f"{made['polygons']['source']}: {made['polygons']['training']} for the training, "
        f"{made['polygons']['holdout']} held out",
        "Settings": ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in parameters.items()),
        "Made": f"{made['made']}, FLAIR Land Cover {made['version']}",
    }


def _facts(facts: dict[str, str]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts.items()) + "</dl>"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plot(epochs: Sequence[dict]) -> str:
    """Losses by epoch as a picture of lines, with words for those who do not see it."""
    series = {"loss": [epoch["loss"] for epoch in epochs], "held": [epoch["holdout_loss"] for epoch in epochs]}
    values = [value for line in series.values() for value in line if value is not None]
    if not values:
        return ""
    top = max(values) or 1.0
    last = max(len(epochs) - 1, 1)

    def place(index: int, value: float) -> str:
        x = _LEFT + index / last * (_WIDTH - _LEFT - 12)
        return f"{x:.1f},{12 + (1 - value / top) * (_HEIGHT - _BOTTOM - 12):.1f}"

    lines = []
    for name, line in series.items():
        points = [place(index, value) for index, value in enumerate(line) if value is not None]
        dots = "".join(
            f'<circle cx="{x}" cy="{y}" r="3" fill="var(--{name})"/>' for x, y in (p.split(",") for p in points)
        )
        lines.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="var(--{name})" stroke-width="2"/>{dots}'
        )
    base = _HEIGHT - _BOTTOM
    axis = f'<path d="M{_LEFT} 12V{base}H{_WIDTH - 12}" fill="none" stroke="var(--line)"/>'
    marks = (
        f'<text x="{_LEFT - 6}" y="16" text-anchor="end">{top:.2f}</text>'
        f'<text x="{_LEFT - 6}" y="{base}" text-anchor="end">0</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 8}">epoch 1</text>'
        f'<text x="{_WIDTH - 12}" y="{_HEIGHT - 8}" text-anchor="end">epoch {len(epochs)}</text>'
    )
    held = any(value is not None for value in series["held"])
    described = f"Loss by epoch: {series['loss'][0]:.2f} at first, {series['loss'][-1]:.2f} at last."
    key = '<span style="color:var(--loss)">●</span> loss in training'
    key += ' &nbsp; <span style="color:var(--held)">●</span> loss on the hold-out' if held else ""
    return (
        f'<p class=soft>{key}</p><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{described}">'
        f"{axis}{marks}{''.join(lines)}</svg>"
    )
