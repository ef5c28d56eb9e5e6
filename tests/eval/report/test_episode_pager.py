"""Episodes on the page: their texts stay text, one is shown without the script, long ones are cut."""

HOSTILE = "</script></article><img src=x onerror=alert(1)><!-- & \"'"


def test_traces_are_shown_as_text_whatever_they_hold(results, write_page, write_traces):
    write_traces(3, reply=lambda _: HOSTILE, question=f"What is {HOSTILE}?")
    page = write_page(results)
    assert not page.all("img") and len(page.all("script")) == 1
    assert len(page.all("article")) == 3
    assert page.words.count("</script></article><img src=x") >= 6, "question and reply of each"


def test_without_the_script_one_episode_is_shown_and_with_it_all_kinds_can_be_chosen(
    results, write_page, write_traces
):
    write_traces(40)
    page = write_page(results)
    articles = page.all("article")
    assert ["hidden" in a for a in articles] == [False] + [True] * (len(articles) - 1)
    kinds = [a["data-kinds"] for a in articles]
    offered = {b["data-kind"] for b in page.all("button") if b.get("data-kind")}
    assert offered == {"right", "wrong", "expensive", "several rounds"}
    for kind in offered:
        assert f"{kind} {sum(kind in k.split(',') for k in kinds)}" in page.words
    assert f"all {len(articles)}" in page.words
    assert "Expensive: the most expensive tenth." in page.words


def test_long_traces_are_cut_and_the_page_stays_small(results, write_page, write_traces, tmp_path):
    write_traces(80, reply=lambda number: f"{number} " + "word " * 6000)
    page = write_page(results)
    assert (tmp_path / "report.html").stat().st_size < 2_000_000
    assert "more characters" in page.source
