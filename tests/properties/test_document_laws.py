"""Laws of documents and their figures: any text can be read, comments say nothing, and a figure is right to its printed digits only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gonogo.evidence.figures import Figure, agrees, stated_figures
from gonogo.evidence.markdown import parse_markdown

MARKDOWN = st.lists(
    st.sampled_from(
        ["# A", "## B", "text", "TODO", "```", "~~~", "| a | b |", "|---|---|", "- item", "> said",
         "    code", "<p>", "<!-- x -->", "---", "===",
         "accuracy 0.9", "F1: 93 %", "[link](a.md)", "![p](p.png)", "", "a: 1", "\\", "`"]
    )
    | st.text(max_size=20),
    max_size=30,
).map("\n".join)  # fmt: skip


@given(MARKDOWN)
def test_any_text_is_a_document(text: str) -> None:
    document = parse_markdown(text)
    assert sum(section.words for section in document.own) == document.everything.words
    assert all(section.level for section in document.own[1:])
    assert all(figure.value >= 0 for figure in stated_figures(document))


@given(st.text(alphabet=st.characters(blacklist_characters="-<>", blacklist_categories=("Cs",)), max_size=60))
def test_a_comment_says_nothing(hidden: str) -> None:
    bare = parse_markdown("# A\n\nWords.\n")
    commented = parse_markdown(f"# A\n\n<!-- {hidden} ## B accuracy 0.9 TODO -->\n\nWords.\n")
    assert [section.heading for section in commented.sections] == [section.heading for section in bare.sections]
    assert commented.everything.words == bare.everything.words
    assert commented.everything.placeholders == []
    assert stated_figures(commented) == []


@given(st.floats(0.0, 1.0), st.integers(1, 6), st.booleans())
def test_a_figure_is_right_to_its_digits_and_no_further(value: float, digits: int, percent: bool) -> None:
    scale, unit = (100.0, "%") if percent else (1.0, "")
    measured = {("accuracy", "test"): {"": value}}

    def said(number: float) -> Figure:
        return Figure("accuracy", ("test",), "", f"{number:.{digits}f}", unit, "")

    assert agrees(said(value * scale), measured, 0.0)
    assert not agrees(said(value * scale + 2 * 10.0**-digits), measured, 0.0)
