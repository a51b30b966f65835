"""A run in a few lines of HTML, for a notebook: its newest sheet of samples and a line of facts."""

from sle_gan.report.page import picture, render
from sle_gan.report.record import RunRecord
from sle_gan.report.run_report import facts_line

_WIDEST_PX = 760


def run_card(record: RunRecord) -> str:
    """Returns a piece of HTML that needs nothing but itself; what the run's files hold stays text in it.

    Args:
        record: a `RunRecord`. Without a sheet there is the line of facts alone.
    """
    newest = None
    if record.sheets:
        step, file = record.sheets[-1]
        label = f"Step {step:,}: the same seeds in every sheet, none chosen"
        newest = picture(file, label, f"Samples at step {step:,}", widest_px=_WIDEST_PX)
    return render("card.html", name=record.run.name, facts=facts_line(record), picture=newest)
