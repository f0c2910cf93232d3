"""Plots of findings as SVG: plain data in, text out. Matplotlib stays in this file."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from interlock.gates.finding import Bars, Intervals, Lines, Plot, Reliability

INK, FAINT, PAPER = "#1d2733", "#b9c2cc", "#ffffff"
VERDICTS = {
    "passed": "#1a7f4b",
    "failed": "#c0392b",
    "inconclusive": "#b7791f",
    "error": "#6b4fa0",
    None: "#2f5d8a",
}
SERIES = ("#2f5d8a", "#d08c3f", "#4d9078", "#8c5a8c")
_STYLE: Any = {  # the stubs know every key, and none of ours by type
    "svg.fonttype": "none",
    "svg.hashsalt": "interlock",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_WIDTH = 6.8


def svg(plot: Plot) -> str:
    """`plot` as an SVG element: the same data give the same text."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(_WIDTH, _height(plot)), layout="constrained")
        figure.patch.set_facecolor("none")
        axes = figure.add_subplot()
        axes.set_facecolor("none")
        _DRAW[type(plot)](axes, plot)
        text = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(text, metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]


def _height(plot: Plot) -> float:
    match plot:
        case Intervals(intervals=lines):
            return 1.0 + 0.32 * max(1, len(lines))
        case Bars(labels=labels, series=series):
            return 0.9 + 0.28 * max(1, len(labels)) * max(1, len(series))
        case Reliability():
            return 4.2
    return 2.8


def _intervals(axes: Any, plot: Intervals) -> None:
    for place, one in enumerate(plot.intervals):
        colour = VERDICTS[one.verdict]
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [place, place], color=colour, linewidth=2.2, zorder=2)
            for end in (one.low, one.high):
                axes.plot([end], [place], "|", color=colour, markersize=9, zorder=2)
        if one.point is not None:
            axes.plot([one.point], [place], "o", color=colour, markersize=6, zorder=3)
    for number, (name, at) in enumerate(plot.lines.items()):
        axes.axvline(at, color=INK, linewidth=1, linestyle=("-", "--", ":")[number % 3], zorder=1)
        axes.annotate(
            f"{name} {at:g}" if at else name,
            (at, 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 3 + 10 * number),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_yticks(range(len(plot.intervals)), [one.label for one in plot.intervals])
    axes.set_ylim(len(plot.intervals) - 0.5, -0.5)
    axes.set_xlabel(plot.axis)
    axes.grid(axis="x", color=FAINT, linewidth=0.4)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.08)


def _lines(axes: Any, plot: Lines) -> None:
    for number, one in enumerate(plot.series):
        axes.plot(one.x, one.y, label=one.name, color=SERIES[number % len(SERIES)], linewidth=1.6)
    if plot.level is not None:
        axes.axhline(plot.level, color=INK, linewidth=1, linestyle="--", label="limit")
    axes.set_xlabel(plot.x_axis)
    axes.set_ylabel(plot.y_axis)
    # Cut off below, a memory that grows by a page looks like a leak.
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]))
    axes.grid(color=FAINT, linewidth=0.4)
    axes.legend(frameon=False, fontsize=8)


def _bars(axes: Any, plot: Bars) -> None:
    count = len(plot.series)
    thick = 0.8 / max(1, count)
    for number, (name, values) in enumerate(plot.series.items()):
        places = [place + (number - (count - 1) / 2) * thick for place in range(len(plot.labels))]
        shown = [0.0 if value is None else value for value in values]
        colour = SERIES[number % len(SERIES)]
        drawn = axes.barh(places, shown, height=thick * 0.9, color=colour, label=name)
        words = ["not known" if value is None else f"{value:.4g}" for value in values]
        axes.bar_label(drawn, words, padding=3, fontsize=8)
    for place, limit in enumerate(plot.limits):
        if limit is not None:
            axes.plot([limit, limit], [place - 0.45, place + 0.45], color=INK, linestyle="--")
    axes.set_yticks(range(len(plot.labels)), plot.labels)
    axes.set_ylim(len(plot.labels) - 0.5, -0.5)
    axes.set_xlabel(plot.axis)
    axes.margins(x=0.15)
    axes.tick_params(axis="y", length=0)
    if count > 1:
        axes.legend(frameon=False, fontsize=8)


def _reliability(axes: Any, plot: Reliability) -> None:
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
    most = max((rows for curve in plot.curves for rows in curve.rows), default=1)
    for number, curve in enumerate(plot.curves):
        colour = SERIES[number % len(SERIES)]
        sizes = [12 + 160 * math.sqrt(rows / most) for rows in curve.rows]
        axes.plot(curve.confidence, curve.share, color=colour, linewidth=1.2, label=curve.name)
        axes.scatter(curve.confidence, curve.share, s=sizes, color=colour, alpha=0.65)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.03)
    axes.set_box_aspect(1)
    axes.set_xlabel(plot.x_axis)
    axes.set_ylabel(plot.y_axis)
    axes.legend(frameon=False, fontsize=8, loc="upper left")


_DRAW: dict[type, Callable[[Any, Any], None]] = {
    Bars: _bars,
    Intervals: _intervals,
    Lines: _lines,
    Reliability: _reliability,
}
