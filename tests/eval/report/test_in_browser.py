"""The page in a browser, if there is one: it fits a phone, and its script works."""

import html
import json
import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PROBE = """
<script>
window.addEventListener("load", () => {
  const shown = () => [...document.querySelectorAll(".episode")].filter((e) => !e.hidden).map((e) => e.querySelector("h3").textContent);
  const click = (selector) => document.querySelector(selector).click();
  const found = { width: innerWidth, scroll: document.documentElement.scrollWidth, first: shown() };
  click('[data-step="1"]'); found.next = shown();
  document.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true })); found.away = shown();
  document.getElementById("pager").scrollIntoView({ behavior: "instant" });
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true })); found.back = shown();
  click('[data-kind="wrong"]'); found.wrong = shown(); found.place = document.querySelector("[data-place]").textContent;
  const names = () => [...document.querySelector("table[data-sortable]").tBodies[0].rows].map((r) => r.cells[0].textContent);
  const title = [...document.querySelectorAll("table[data-sortable] th button")].find((b) => b.textContent === "$ per 1,000");
  title.click(); found.mostExpensive = names()[0]; title.click(); found.cheapest = names()[0];
  found.sorted = title.closest("th").getAttribute("aria-sort");
  const wide = [...document.querySelectorAll(".scroll")].filter((b) => b.scrollWidth > b.clientWidth + 1);
  found.wide = wide.length;
  found.faded = wide.filter((b) => b.hasAttribute("data-more") && b.previousElementSibling.className === "more").length;
  found.hints = document.querySelectorAll(".more").length;
  const versus = [...document.querySelectorAll("th button")].find((b) => b.textContent === "vs best single").closest("th");
  found.versus = versus.getBoundingClientRect().right;
  parent.document.documentElement.dataset.found = JSON.stringify(found);
});
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium")
def test_nothing_overflows_on_a_phone_and_the_buttons_work(
    results, write_page, write_traces, tmp_path
):
    write_traces(20)
    write_page(results)
    text = (tmp_path / "report.html").read_text().replace("</body>", f"{PROBE}</body>")
    phone = f'<iframe width="390" height="844" srcdoc="{html.escape(text)}"></iframe>'  # a window cannot be so narrow
    (tmp_path / "phone.html").write_text(f"<!doctype html><html><body>{phone}</body></html>")
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--virtual-time-budget=5000",
        "--dump-dom",
        f"file://{tmp_path / 'phone.html'}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    (data,) = re.findall(r'<html[^>]* data-found="([^"]*)"', done.stdout)
    found = json.loads(html.unescape(data))
    assert found["width"] == 390 and found["scroll"] <= 390
    assert len(found["first"]) == len(found["next"]) == 1 and found["first"] != found["next"]
    assert found["wide"] > 0 and found["faded"] == found["hints"] == found["wide"], (
        "tables that scroll"
    )
    assert found["versus"] <= 390, "what matters is not cut off"
    assert found["away"] == found["next"], (
        "the episodes are off the screen, so the keys are not meant for them"
    )
    assert found["back"] == found["first"]
    assert found["wrong"][0] in {"q0", "q5", "q10", "q15"} and found["place"] == "1 of 4"
    assert (found["mostExpensive"], found["cheapest"]) == ("best single = large", "small")
    assert found["sorted"] == "ascending"
