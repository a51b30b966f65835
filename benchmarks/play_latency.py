"""How long the page of `sle-gan play` takes from a slider's change to the picture on the screen, in a real Chromium.

    python benchmarks/play_latency.py RUN

Two pictures are pinned, and the slider between them is moved. A change counts from its event to the second frame of the
browser after the picture was decoded: by then it is on the screen.
"""

import argparse
import json
import shutil
import statistics

from playwright.sync_api import sync_playwright

from sle_gan.assembly.opened_run import OpenedRun, open_run

_MOVE = """
(async () => {
  const slider = document.getElementById("at");
  const picture = document.getElementById("picture");
  const frame = () => new Promise(requestAnimationFrame);
  const times = [];
  for (let index = 0; index < COUNT; index += 1) {
    slider.value = (index % 97) / 97 + 0.005;
    const shown = new Promise((done) => picture.addEventListener("load", done, { once: true }));
    const began = performance.now();
    slider.dispatchEvent(new Event("input"));
    await shown;
    await frame();
    await frame();
    times.push(performance.now() - began);
  }
  return JSON.stringify(times);
})()
"""


def measure(run: OpenedRun, count: int) -> list[float]:
    """Returns the milliseconds of each change.

    Args:
        run: the opened run.
        count: of changes; the first few, in which the page is still busy with its wall, are made before.
    """
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with run.play() as page, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto(page.address)
        tab.get_by_label("Mark near copies").uncheck()
        for seed in (1, 2):
            tab.locator(f'.tile[data-number="{seed}"] img[src]').wait_for()
            tab.locator(f'.tile[data-number="{seed}"]').click()
            tab.locator("#told", has_text=f"Seed {seed} at step").wait_for(state="attached")
            tab.keyboard.press("p")
        tools = tab.context.new_cdp_session(tab)
        for changes in (10, count):
            asked = {"expression": _MOVE.replace("COUNT", str(changes)), "awaitPromise": True}
            times = json.loads(tools.send("Runtime.evaluate", asked)["result"]["value"])
        browser.close()
    return times


def main() -> None:
    """Prints the median and the tenth that is slowest."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", metavar="RUN", help="a run folder")
    parser.add_argument("--changes", type=int, default=100, metavar="NUMBER", help="of the slider")
    arguments = parser.parse_args()
    times = sorted(measure(open_run(arguments.run), arguments.changes))
    slow = times[int(0.9 * len(times))]
    print(f"{statistics.median(times):.0f} ms median, a tenth takes {slow:.0f} ms or more, {times[-1]:.0f} ms at most")


if __name__ == "__main__":
    main()
